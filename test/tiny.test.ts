/**
 * The tour: one small model through the whole life of a run, to exact numbers.
 *
 * A network of two layers is written to an ONNX file in memory, quantized to static int8 with four samples of
 * calibration data, verified beside the float model, and read back. Every number below can be found by hand.
 */
import { expect, test } from 'vitest';
import { arrayDataset } from '../src/data/index.ts';
import { memoryFolder, memorySource } from '../src/files/index.ts';
import { Graph, loadWeight, Model, readOnnx, tensorInfo, weightOf, writeOnnx } from '../src/graph/index.ts';
import { quantize } from '../src/index.ts';
import { toFloat32 } from '../src/numerics/index.ts';
import { float32 } from '../src/tensor/index.ts';

/** y = relu(x W1 + b1) W2: 2 inputs, 2 hidden, 2 classes. */
async function tinyModel(): Promise<Uint8Array> {
  const graph = new Graph('tiny');
  graph.inputs = [tensorInfo('x', 'float32', ['batch', 2])];
  graph.outputs = [tensorInfo('y', 'float32', ['batch', 2])];
  graph.initializers.set('W1', weightOf(float32([2, 2], [1, -1, 0.5, 0.25]))); // [in, out]
  graph.initializers.set('b1', weightOf(float32([2], [0, 1])));
  graph.initializers.set('W2', weightOf(float32([2, 2], [2, 0, 0, 2])));
  graph.add({ op: 'Gemm', name: 'first', inputs: ['x', 'W1', 'b1'], outputs: ['h'] });
  graph.add({ op: 'Relu', name: 'relu', inputs: ['h'], outputs: ['r'] });
  graph.add({ op: 'Gemm', name: 'second', inputs: ['r', 'W2'], outputs: ['y'] });
  const folder = memoryFolder();
  await writeOnnx(new Model(graph), { folder, name: 'tiny.onnx' });
  return folder.files.get('tiny.onnx')!;
}

/** x spans [-1, 1]: 255 steps of 2 / 255. In float32 the step is a hair more, so real 0 is at 127.49.. -> 127. */
const samples = arrayDataset({
  name: 'four corners',
  inputs: { x: float32([4, 2], [-1, -1, -1, 1, 1, -1, 1, 1]) },
  labels: [1, 1, 0, 0],
});

test('recipe to report', async () => {
  const output = memoryFolder();
  const record = await quantize({
    model: { source: memorySource(await tinyModel(), 'tiny.onnx') },
    to: 'int8',
    observer: 'min-max',
    calibrate: samples,
    evaluate: samples,
    maxDrop: '0%',
    output,
    measure: { runs: 0, memory: false },
  });

  // The record: what was done and what it cost.
  const [int8] = record.outputs;
  expect(int8?.status).toBe('done');
  expect(record.baseline?.metrics[0]).toMatchObject({ name: 'top-1', value: 1, samples: 4 });
  expect(int8?.measurement?.metrics[0]).toMatchObject({ name: 'top-1', value: 1, samples: 4 });
  expect(int8?.agreement?.sameDecision).toBe(1);
  expect(
    int8?.tensors.map(({ name, format, granularity, values }) => [name, format, granularity, values]),
  ).toEqual([
    ['W1', 'int8', 'per-channel(1)', 4],
    ['W2', 'int8', 'per-channel(1)', 4],
  ]);
  expect([...output.files.keys()]).toEqual(['int8.onnx']);

  // The file: codes, scales and zero points as the paper says.
  const { graph, metadata } = await readOnnx({
    source: memorySource(output.files.get('int8.onnx')!, 'int8.onnx'),
  });
  expect(metadata.get('lowbit.preset')).toBe('int8');
  const first = [...graph.nodes].find((node) => node.name === 'first')!;
  const values = async (name: string) => {
    const weight = graph.constant(name)!;
    return { dtype: weight.dtype, numbers: Array.from(toFloat32(await loadWeight(weight))) };
  };
  const dequantize = (name: string) => graph.producer(name)!;

  // Weights: one scale per output channel, max |w| / 127; codes round(w / scale).
  const [w1, s1] = await Promise.all(dequantize(first.inputs[1]!).inputs.map(values));
  expect(w1).toEqual({ dtype: 'int8', numbers: [127, -127, 64, 32] });
  expect(s1!.numbers).toEqual([1 / 127, 1 / 127].map(Math.fround));

  // Activations: [-1, 1] in 255 steps; the zero point is the nearest code to real 0.
  const [, sx, zx] = await Promise.all(
    dequantize(first.inputs[0]!)
      .inputs.slice(0)
      .map(async (name) => (graph.constant(name) ? values(name) : undefined)),
  );
  expect(sx!.numbers[0]).toBe(Math.fround(2 / 255));
  expect(zx).toEqual({ dtype: 'uint8', numbers: [127] });

  // Bias: int32 codes with scale s_x s_w, so that it adds to the accumulator as it is.
  const [b1, sb] = await Promise.all(dequantize(first.inputs[2]!).inputs.map(values));
  expect(sb!.numbers[0]).toBeCloseTo(Math.fround(2 / 255) * Math.fround(1 / 127), 12);
  expect(b1).toEqual({ dtype: 'int32', numbers: [0, Math.round(1 / sb!.numbers[1]!)] });
});
