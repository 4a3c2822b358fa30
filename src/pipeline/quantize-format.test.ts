import { expect, test } from 'vitest';
import { glyphDataset } from '../../examples/glyphs/glyph-dataset.ts';
import { memoryFolder, memorySource } from '../files/index.ts';
import type { LowbitError } from '../tensor/index.ts';
import { inspect } from './inspect.ts';
import { quantize } from './quantize.ts';
import type { QuantizeOptions } from './recipe.ts';

/** Number formats as targets, on the glyph network. */

const model = new URL('../../examples/glyphs/glyphs.onnx', import.meta.url).pathname;
const data = glyphDataset({ seed: 2, size: 64 });
const measure = { runs: 0, memory: false };

type Wanted = Omit<QuantizeOptions, 'model' | 'output'>;

async function made(options: Wanted) {
  const output = memoryFolder();
  const record = await quantize({ model, output, measure, ...options });
  return { record, files: output.files };
}

const refusal = (options: Wanted): Promise<LowbitError> =>
  quantize({ model, output: memoryFolder(), measure, ...options }).then(
    () => expect.fail('not refused'),
    (error: LowbitError) => error,
  );

const sum = (tensors: readonly Record<'codeBytes' | 'values', number>[], key: 'codeBytes' | 'values') =>
  tensors.reduce((total, tensor) => total + tensor[key], 0);

test('several formats and a preset in one run: names, files, measurements', async () => {
  const to = 'format:NF4,format:int5/channel:restricted,range=mse,format:e4m3fn,int8-weights';
  const { record, files } = await made({ to, evaluate: data });
  const presets = ['format:nf4/64', 'format:int5/channel:restricted,range=mse', 'format:e4m3fn/channel'];
  expect(record.outputs.map(({ preset, status }) => [preset, status])).toEqual(
    [...presets, 'int8-weights'].map((preset) => [preset, 'done']),
  );
  expect([...files.keys()]).toEqual([
    'nf4-64.onnx',
    'int5-channel-restricted-range-mse.onnx',
    'e4m3fn-channel.onnx',
    'int8-weights.onnx',
  ]);
  for (const output of record.outputs) {
    expect(output.measurement!.file.sizeBytes).toBeLessThan(record.source.sizeBytes / 2);
    expect(output.agreement!.sameDecision).toBeGreaterThan(0.9);
  }
  // 4, 5 and 8 bits a weight, however many bits the types of the file have.
  const bits = record.outputs
    .slice(0, 3)
    .map(({ tensors }) => (8 * sum(tensors, 'codeBytes')) / sum(tensors, 'values'));
  expect(bits.map(Math.round)).toEqual([4, 5, 8]);
});

test('a plan predicts the size to the byte', async () => {
  const to = 'format:kmeans3/channel';
  const { record: plan } = await made({ to, dryRun: true });
  expect(plan.outputs[0]!.status).toBe('planned');
  const { files } = await made({ to });
  expect(files.get('kmeans3-channel.onnx')!.byteLength).toBe(plan.outputs[0]!.predictedSizeBytes);
});

test('an override: the classifier as int8, all else as NF4', async () => {
  const { record } = await made({ to: 'format:nf4/64', overrides: { Gemm: 'format:int8/channel' } });
  const formats = new Map(record.outputs[0]!.tensors.map(({ op, format }) => [op, format]));
  expect(Object.fromEntries(formats)).toEqual({ Conv: 'nf4', Gemm: 'int8' });
});

test('what ONNX files cannot hold is refused by name', async () => {
  expect((await refusal({ to: 'format:int12/channel' })).message).toBe(
    'int12 has codes of 12 bits, and ONNX files hold indices of at most 8. Choose a format of 8 bits or fewer; lowbit formats lists them.',
  );
  expect((await refusal({ to: 'format:kmeans4/channel+rans' })).message).toContain(
    'ONNX has no operator that decodes entropy-coded weights; write -o model.lowbit',
  );
  expect((await refusal({ to: 'format:nf4/64', layout: 'transformers.js' })).message).toContain(
    'format:nf4/64',
  );
  expect((await refusal({ to: 'format:nf9' })).message).toContain("'nf9'");
});

test('a file says what its weights are stored as', async () => {
  const { record, files } = await made({ to: 'format:nf4/64+double' });
  const summary = await inspect({ source: memorySource([...files.values()][0]!, 'nf4-64.onnx') });
  const float = await inspect(model);
  const { tensors } = record.outputs[0]!;
  const bytes = tensors.reduce(
    (all, t) =>
      all + t.codeBytes + t.scaleBytes + t.zeroPointBytes + (t.bookBytes ?? 0) + (t.extraBytes ?? 0),
    0,
  );
  expect(summary.quantized).toEqual({
    parameters: summary.parameters,
    schemes: [
      {
        scheme: 'nf4/64+double',
        tensors: tensors.length,
        values: tensors.reduce((all, { values }) => all + values, 0),
        sizeBytes: bytes,
      },
    ],
  });
  // Simplifying folds batch normalizations and shapes; weights stay.
  expect(summary.parameters).toBeGreaterThan(0.9 * float.parameters);
  expect(summary.parameters).toBeLessThanOrEqual(float.parameters);
});
