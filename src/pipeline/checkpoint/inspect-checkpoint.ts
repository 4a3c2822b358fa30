import { readableTensors } from '../../architectures/index.ts';
import { eightBitNames, type SafetensorsFile, storedBytes, type TensorSource } from '../../files/index.ts';
import { type StoredRecord, type StoredTensorRecord, storedTotals } from '../../report/index.ts';
import { elementCount, LowbitError } from '../../tensor/index.ts';
import { isQuantized } from './quantization-keys.ts';

/** What the weights are that another package quantized: by config.json, headers and descriptions. */
export interface InspectedCheckpoint {
  /** Values of all tensors, where those of quantized ones are counted once and their scales not at all. */
  readonly parameters: number;
  readonly stored: StoredRecord;
}

/** Undefined for floats, and for layouts that are not read. @throws checkpoint/bitsandbytes, checkpoint/scale-shape */
export async function inspectCheckpoint(
  weights: SafetensorsFile,
  config: Readonly<Record<string, unknown>>,
  file: string,
): Promise<InspectedCheckpoint | undefined> {
  const { tensors, sizeBytes } = weights;
  if (!isQuantized(config)) return undefined;
  const readable = await readableTensors(weights, config, file).catch((error: unknown) => {
    if (error instanceof LowbitError && error.code === 'checkpoint/quantized') return undefined;
    throw error;
  });
  if (readable === undefined) return undefined;
  const list = [...readable.values()];
  const records = list
    .filter((tensor) => tensor !== tensors.get(tensor.name))
    .map((tensor) => recordOf(tensor, tensors, readable));
  const parameters = list.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  if (records.length === 0) return undefined;
  return {
    parameters,
    stored: { ...storedTotals(records), tensors: records, files: [{ path: file, sizeBytes }] },
  };
}

/** Parts are named after their weight: `x.weight_scale`, `x.weight.absmax`; `x.SCB` alone after its module. */
function recordOf(
  { name, shape }: TensorSource,
  tensors: ReadonlyMap<string, TensorSource>,
  readable: ReadonlyMap<string, TensorSource>,
): StoredTensorRecord {
  const parts = [...tensors.values()].filter(
    (part) =>
      part.name === name ||
      (part.name.startsWith(name) && !readable.has(part.name)) ||
      part.name === eightBitNames.scale(name),
  );
  const sizeBytes = parts.reduce((sum, part) => sum + storedBytes(part.type, elementCount(part.shape)), 0);
  const kind = parts.map((part) => /bitsandbytes__(\w+)$/.exec(part.name)?.[1]).find((found) => found);
  const values = elementCount(shape);
  const bitsPerCode = kind === undefined ? 8 : 4;
  return {
    name,
    shape,
    as: kind ?? tensors.get(name)!.type.replace(/^float8/, ''),
    values,
    codes: values,
    sizeBytes,
    bitsPerWeight: (8 * sizeBytes) / values,
    bitsPerCode,
    // Codes are not read: their entropy is at most this.
    entropyBits: bitsPerCode,
  };
}
