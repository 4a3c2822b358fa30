import type { QuantizedWeightRecord, WeightRun } from '../lowering.ts';

/** What ONNX Runtime does with weights, as the user is told. */
const meanings: Readonly<Record<WeightRun, string>> = {
  'float-at-load':
    'become float when ONNX Runtime loads the model: the file is small, memory and speed are those of float',
  'unpacked-each-run':
    'stay packed in memory and are made float on every run: small in memory, slower than float where batches are small',
  'few-bits': 'stay packed in memory, and the kernel computes with them',
};

/** One line for each way that weights run, with their true bits: scales and all that is stored beside the codes count. */
export function runNotes(quantized: readonly QuantizedWeightRecord[]): string[] {
  return (Object.keys(meanings) as WeightRun[]).flatMap((runs) => {
    const own = quantized.filter((record) => record.runs === runs);
    if (own.length === 0) return [];
    const values = own.reduce((sum, record) => sum + record.values, 0);
    const bits = (8 * own.reduce((sum, record) => sum + storedBytes(record), 0)) / values;
    const count = `${own.length} weight${own.length === 1 ? '' : 's'}`;
    return [`${count} at ${bits.toFixed(2)} bits per weight, scales included, ${meanings[runs]}.`];
  });
}

const storedBytes = (r: QuantizedWeightRecord): number =>
  r.codeBytes + r.scaleBytes + r.zeroPointBytes + (r.bookBytes ?? 0) + (r.extraBytes ?? 0);
