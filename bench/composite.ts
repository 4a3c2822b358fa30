import { join } from 'node:path';
import { open } from 'lowbit';
import { openFile, openSafetensors, rowCountOf } from 'lowbit/files';
import { loadWeight, weightViews } from 'lowbit/graph';
import {
  compositeBits,
  compositeError,
  parseScheme,
  quantizeComposite,
  schemeAt,
  toFloat32,
} from 'lowbit/numerics';
import { lm35m } from './gguf-files.ts';
import { present, sst2Encoder } from './models.ts';
import { publish, type Row } from './table.ts';

/** Each part beside the plain scheme, and beside plain schemes that spend as many bits. */
const schemes = [
  'int4/64',
  'int4/64+double',
  'int4/32',
  'int4/32+double',
  'int4/64+outliers=0.5%',
  'int4/64+sensitive=0.5%',
  'int4/64+outliers=3sd',
  'int4/64+lowrank=8',
  'int4/64+double+outliers=0.5%+lowrank=8',
  'nf4/64',
  'nf4/64+double',
  'int3/64',
  'int3/64+outliers=0.5%',
  'int3/64+outliers=2%',
  'int3/64+lowrank=8',
  'int8/channel',
  'int8/channel+outliers=0.5%',
];

interface Matrix {
  readonly values: Float32Array;
  readonly dims: readonly number[];
  readonly axes: { readonly channel: number; readonly group: number };
}

/** The down projection in the middle of lm-35m. */
async function ofLanguageModel(): Promise<Matrix> {
  const { source } = await openFile(join(lm35m.file, 'model.safetensors'));
  const { tensors } = await openSafetensors(source);
  const tensor = tensors.get('model.layers.3.mlp.down_proj.weight')!;
  const bytes = (await tensor.read(0, rowCountOf(tensor.shape))).slice();
  const data = new Uint16Array(bytes.buffer);
  return {
    values: toFloat32({ dtype: 'bfloat16', dims: tensor.shape, data }),
    dims: tensor.shape,
    axes: { channel: 0, group: 1 },
  };
}

/** The largest matrix of products in sst2-encoder. */
async function ofEncoder(): Promise<Matrix> {
  const { model, close } = await open(sst2Encoder.file);
  // [inputs, outputs]: weights of MatMul; tables have their rows first.
  const products = weightViews(model.graph).filter(({ isMatrix, axes }) => isMatrix && axes.channel === 1);
  const largest = products.reduce((a, b) => (size(b.dims) > size(a.dims) ? b : a));
  const values = toFloat32(await loadWeight(largest.weight)).slice();
  await close();
  return { values, dims: largest.dims, axes: largest.axes };
}

const size = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);

/** What each part of a composite costs and brings on one matrix of two trained models: SQNR and bits per weight. */
export default async function run(): Promise<void> {
  const matrices = new Map<string, Matrix>();
  if (present([lm35m]).length > 0) matrices.set('lm-35m', await ofLanguageModel());
  if (present([sst2Encoder]).length > 0) matrices.set('sst2-encoder', await ofEncoder());
  const rows: Row[] = [];
  for (const scheme of schemes) {
    let row: Row = { scheme: `\`${scheme}\`` };
    for (const [name, { values, dims, axes }] of matrices) {
      const q = await quantizeComposite(values, dims, schemeAt(parseScheme(scheme), axes));
      row = {
        ...row,
        [`${name} [${dims.join(', ')}]: bits per weight`]: compositeBits(q).perWeight.toFixed(3),
        [`${name}: SQNR, dB`]: compositeError(values, q).sqnrDb.toFixed(2),
      };
    }
    rows.push(row);
  }
  publish('composite', rows);
}
