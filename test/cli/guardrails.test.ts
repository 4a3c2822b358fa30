/** Limits as a user meets them: what is worse than asked for is not handed over. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { memoryFolder } from '../../src/files/index.ts';
import { Graph, Model, tensorInfo, weightOf, writeOnnx } from '../../src/graph/index.ts';
import { float32 } from '../../src/tensor/index.ts';
import { glyphModel, recordOf, runLowbit, writeGlyphs } from '../run-lowbit.ts';

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'lowbit-limits-'));
  await writeGlyphs(join(cwd, 'data'), 200);
  await writeFile(join(cwd, 'overflow.onnx'), await overflowingModel());
  await mkdirs('met', 'missed', 'mixed', 'overflow');
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

const mkdirs = async (...names: string[]) => {
  for (const name of names) await mkdir(join(cwd, name));
};
const data = ['--calibrate', 'data', '--evaluate', 'data', '--runs', '0', '--no-memory'];
const quantize = (...args: string[]) => ['quantize', glyphModel, ...data, ...args];

test('limits that are met: exit code 0, and the record says by how much', async () => {
  const { code, record } = await recordOf(
    quantize('--to', 'int8', '--max-drop', '2%', '--min-metric', 'top-1>=0.9', '-o', 'met/a.onnx'),
    { cwd },
  );
  expect(code).toBe(0);
  const [output] = record.outputs;
  const [float, int8] = [record.baseline!.metrics[0]!.value, output!.measurement!.metrics[0]!.value];
  expect(output!.status).toBe('done');
  expect(output!.limits.map(({ text, metric, met, value }) => ({ text, metric, met, value }))).toEqual([
    { text: '2%', metric: 'top-1', met: true, value: int8 },
    { text: 'top-1>=0.9', metric: 'top-1', met: true, value: int8 },
  ]);
  // Accuracy is a rate: the drop is in percentage points, not in percent of the float model's.
  expect(output!.limits[0]!.drop).toBeCloseTo((float - int8) * 100, 9);
  expect(output!.layers).toBeUndefined();
  expect(await readdir(join(cwd, 'met'))).toEqual(['a.onnx']);
});

/** Two bits per weight in every layer that takes them: far too few for this network. */
const coarse = ['--to', 'int8', '--override', 'Gemm=q2', '--max-drop', '0%', '--min-metric', 'top-1>=0.999'];

test('a limit that is missed: exit code 3, the worst layers first, nothing left', async () => {
  const { code, record, stderr } = await recordOf(quantize(...coarse, '-o', 'missed/a.onnx'), { cwd });
  expect([code, stderr]).toEqual([3, '']);
  const [output] = record.outputs;
  expect(output).toMatchObject({ status: 'limit-not-met' });
  expect(output!.file).toBeUndefined();
  expect(output!.limits.map((limit) => limit.met)).toContain(false);
  const decibels = output!.layers!.map((layer) => layer.sqnrDb);
  expect(decibels).toEqual([...decibels].sort((a, b) => a - b));
  // The 2-bit layer is the worst, by name.
  expect(output!.layers![0]!.node).toBe('/fc/Gemm');
  expect(await readdir(join(cwd, 'missed'))).toEqual([]);

  const text = await runLowbit(quantize(...coarse, '-o', 'missed/a.onnx'), { cwd });
  expect(text.code).toBe(3);
  expect(text.stdout).toContain('limit top-1>=0.999 on top-1: NOT MET');
  expect(text.stdout).toMatch(/worst layers:\n +SQNR +node\n +\S+ dB +\/fc\/Gemm\n/);
});

test('of several presets, those within the limit are handed over and the run still fails', async () => {
  const { code, record } = await recordOf(
    quantize('--to', 'fp16,int8', '--override', 'Gemm=q2', '--max-drop', '0%', '-o', 'mixed/'),
    { cwd },
  );
  const statuses = record.outputs.map((output) => output.status);
  expect(code).toBe(statuses.includes('limit-not-met') ? 3 : 0);
  const done = record.outputs.filter((output) => output.status === 'done');
  expect((await readdir(join(cwd, 'mixed'))).sort()).toEqual(done.map((o) => `${o.preset}.onnx`).sort());
  expect(statuses).toContain('limit-not-met');
});

test('NaN or Inf in an output always fails, without a limit, and names the layers', async () => {
  const args = ['quantize', 'overflow.onnx', '--to', 'fp16', '--runs', '0', '--no-memory'];
  const { code, record } = await recordOf([...args, '-o', 'overflow/a.onnx'], { cwd });
  expect(code).toBe(3);
  const [output] = record.outputs;
  expect(output!.status).toBe('limit-not-met');
  expect(output!.limits).toEqual([{ text: 'no NaN or Inf', metric: 'outputs', met: false, value: 0 }]);
  expect(output!.notes.join('\n')).toMatch(/^Output 'y' of fp16 is (NaN|-?Infinity) for sample 0\./m);
  // The layer that overflows, not the one that shows it.
  expect(output!.layers![0]).toMatchObject({ node: 'grow', sqnrDb: -400 });
  expect(await readdir(join(cwd, 'overflow'))).toEqual([]);

  const text = await runLowbit([...args, '-o', 'overflow/a.onnx'], { cwd });
  expect(text.stdout).toContain('limit no NaN or Inf on outputs: NOT MET');
  expect(text.stdout).toContain('worst layers:');
});

test('compare and evaluate fail in the same way', async () => {
  await writeFile(join(cwd, 'infinite.onnx'), await overflowingModel(3e38));
  const compared = await recordOf(
    ['compare', 'overflow.onnx', 'infinite.onnx', '--runs', '0', '--no-memory'],
    {
      cwd,
    },
  );
  expect(compared.code).toBe(3);
  expect(compared.record.outputs[0]).toMatchObject({ status: 'limit-not-met' });
  const alone = await runLowbit(['evaluate', glyphModel, '--data', 'data', '--min-metric', 'top-1>=0.999'], {
    cwd,
  });
  expect(alone.code).toBe(3);
});

/**
 * y = ((x W up)^2) transposed twice: beyond what a 16-bit float holds, while in float32 all is well. The runtime
 * moves 16-bit floats as they are, so the overflow shows on every processor.
 */
async function overflowingModel(weight = 1e6): Promise<Uint8Array> {
  const graph = new Graph('overflow');
  graph.inputs = [tensorInfo('x', 'float32', ['batch', 32])];
  graph.outputs = [tensorInfo('y', 'float32', ['batch', 32])];
  const eye = Float32Array.from({ length: 1024 }, (_, i) => (i % 33 === 0 ? 1 : 0.5));
  graph.initializers.set('W', weightOf(float32([32, 32], eye)));
  graph.initializers.set('up', weightOf(float32([], [weight > 1e9 ? weight : 300])));
  graph.add({ op: 'MatMul', name: 'mix', inputs: ['x', 'W'], outputs: ['h'] });
  graph.add({ op: 'Mul', name: 'widen', inputs: ['h', 'up'], outputs: ['wide'] });
  graph.add({ op: 'Mul', name: 'grow', inputs: ['wide', 'wide'], outputs: ['square'] });
  graph.add({ op: 'Transpose', name: 'turn', inputs: ['square'], outputs: ['turned'] });
  graph.add({ op: 'Relu', name: 'cut', inputs: ['turned'], outputs: ['positive'] });
  graph.add({ op: 'Transpose', name: 'back', inputs: ['positive'], outputs: ['y'] });
  const folder = memoryFolder();
  await writeOnnx(new Model(graph), { folder, name: 'overflow.onnx' });
  return folder.files.get('overflow.onnx')!;
}
