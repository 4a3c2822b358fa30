import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quantize } from 'lowbit';
import { openFile, readImatrix, rowCountOf, rowLengthOf } from 'lowbit/files';
import {
  blockFormats,
  decodeBlocks,
  encodeBlocks,
  type FileTypeName,
  isQuantizable,
  type QuantizedBlockName,
  toFloat32,
} from 'lowbit/numerics';
import { openPath } from './compare-gguf.ts';
import { lm35m, lm35mImatrix } from './gguf-files.ts';
import { present } from './models.ts';
import { perplexityFigures } from './perplexity-of.ts';
import { publish, type Row } from './table.ts';

const types = (Object.keys(blockFormats) as (keyof typeof blockFormats)[]).filter(
  (name): name is QuantizedBlockName => blockFormats[name].block > 1,
);
const fileTypes: readonly { readonly fileType: FileTypeName; readonly imatrix: boolean }[] = [
  ...(['Q6_K', 'Q5_K_M', 'Q5_0', 'Q4_K_M', 'Q4_0', 'IQ4_XS', 'IQ4_NL', 'Q3_K_M', 'Q2_K'] as const).map(
    (fileType) => ({ fileType, imatrix: false }),
  ),
  ...(['Q4_K_M', 'IQ4_XS', 'Q3_K_M', 'IQ3_XXS', 'Q2_K', 'IQ2_XS'] as const).map((fileType) => ({
    fileType,
    imatrix: true,
  })),
];

/** Rows of each tensor that are encoded: the searches of the smallest types are slow, and the ratio settles soon. */
const ROWS = 512;

/**
 * Best search beside reference search on the real weights of lm-35m: squared error per type (weighted by the
 * importance matrix where one is given), and perplexity per file type.
 */
export default async function run(): Promise<void> {
  if (present([lm35m]).length === 0) return;
  const folder = mkdtempSync(join(tmpdir(), 'lowbit-gguf-quality-'));
  try {
    const source = join(folder, 'f16.gguf');
    await quantize({ model: lm35m.file, to: 'gguf:F16', output: source });
    await errors(source);
    await perplexities(source, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function errors(source: string): Promise<void> {
  const model = await openPath(source);
  const { entries } = await readImatrix((await openFile(lm35mImatrix)).source);
  const rows: Row[] = [];
  for (const name of types) {
    const cells: string[] = [];
    for (const weighted of [false, true]) {
      if (!weighted && blockFormats[name].importance === 'required') {
        cells.push('');
        continue;
      }
      let reference = 0;
      let best = 0;
      for (const tensor of model.tensors) {
        const importance = weighted ? entries.get(tensor.name)?.values : undefined;
        if (!isQuantizable(tensor.name, tensor.shape) || (weighted && importance === undefined)) continue;
        const length = rowLengthOf(tensor.shape);
        const count = Math.min(ROWS, rowCountOf(tensor.shape));
        const values = toFloat32({
          dtype: 'float16',
          dims: [count, length],
          data: new Uint16Array((await tensor.read(0, count)).slice().buffer),
        });
        const error = async (search: 'reference' | 'best') => {
          const bytes = await encodeBlocks(name, values, length, { search, importance });
          return squaredError(values, await decodeBlocks(name, bytes, values.length), length, importance);
        };
        reference += await error('reference');
        best += await error('best');
      }
      cells.push(change(best / reference));
    }
    const row = {
      type: blockFormats[name].label,
      'squared error': cells[0]!,
      'weighted, with imatrix': cells[1]!,
    };
    console.log(Object.values(row).join('  '));
    rows.push(row);
  }
  await model.close();
  publish('gguf-quality-error', rows);
}

function squaredError(
  values: Float32Array,
  decoded: Float32Array,
  length: number,
  importance: Float32Array | undefined,
): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++)
    sum += (importance?.[i % length] ?? 1) * (values[i]! - decoded[i]!) ** 2;
  return sum;
}

const change = (ratio: number): string => `${ratio <= 1 ? '' : '+'}${((ratio - 1) * 100).toFixed(2)} %`;

async function perplexities(source: string, folder: string): Promise<void> {
  const float = await perplexityFigures(source);
  const rows: Row[] = [{ 'file type': 'F16', reference: float.value.toFixed(3) }];
  for (const { fileType, imatrix } of fileTypes) {
    const measure = async (search: 'reference' | 'best') => {
      const output = join(folder, `${search}.gguf`);
      await quantize({
        model: source,
        to: `gguf:${fileType}`,
        output,
        search,
        force: true,
        ...(imatrix && { imatrix: lm35mImatrix }),
      });
      return perplexityFigures(output);
    };
    const [reference, best] = [await measure('reference'), await measure('best')];
    const row = {
      'file type': fileType,
      imatrix: imatrix ? 'yes' : 'no',
      reference: reference.value.toFixed(3),
      best: best.value.toFixed(3),
      change: change(best.value / reference.value),
    };
    console.log(Object.values(row).join('  '));
    rows.push(row);
  }
  publish('gguf-quality-perplexity', rows);
}
