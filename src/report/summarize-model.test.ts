import { expect, test } from 'vitest';
import { Graph, Model, tensorInfo, weightOf } from '../graph/index.ts';
import { float32, tensor } from '../tensor/index.ts';
import { formatInspect } from './format-inspect.ts';
import { cardText, quantizedSummary, WEIGHTS_KEY } from './quantized-summary.ts';
import { parametersOf, summarizeModel } from './summarize-model.ts';

test('structure, weights and what is quantized', () => {
  const graph = new Graph();
  graph.inputs = [tensorInfo('x', 'float32', ['batch', 4])];
  graph.outputs = [tensorInfo('y', 'float32', ['batch', 2])];
  graph.initializers.set('w', weightOf(float32([4, 2], [1, 2, 3, 4, 5, 6, 7, 8])));
  graph.initializers.set('scale', weightOf(float32([], [0.1])));
  graph.add({ op: 'QuantizeLinear', inputs: ['x', 'scale'], outputs: ['q'] });
  graph.add({ op: 'DequantizeLinear', inputs: ['q', 'scale'], outputs: ['d'] });
  graph.add({ op: 'MatMul', inputs: ['d', 'w'], outputs: ['y'] });
  const summary = summarizeModel(new Model(graph), { path: 'model.onnx', sizeBytes: 300 });
  expect(formatInspect(summary, { width: 80 })).toMatchInlineSnapshot(`
    "model.onnx  300 B
      producer    lowbit
      opsets      ai.onnx 21 (IR 10)
      inputs      x: float32 [batch, 4]
      outputs     y: float32 [batch, 2]
      parameters  9 in 36 B
      nodes       3: DequantizeLinear 1, MatMul 1, QuantizeLinear 1
      quantized   QDQ: 1 QuantizeLinear, 1 DequantizeLinear

      stored as  tensors  values  size    of all
      float32          2       9  36 B  100.00 %

      largest tensors  shape           size
      w                float32 [4, 2]  32 B
      scale            float32 []       4 B
    "
  `);
});

/** A weight of 6 values as 6 codes and a scale. */
function codedModel(): Model {
  const graph = new Graph();
  graph.inputs = [tensorInfo('x', 'float32', ['batch', 2])];
  graph.outputs = [tensorInfo('y', 'float32', ['batch', 3])];
  graph.initializers.set('codes', weightOf(tensor('uint8', [6], new Uint8Array([1, 2, 3, 4, 5, 6]))));
  graph.initializers.set('scale', weightOf(float32([1], [0.1])));
  graph.add({ op: 'Cast', inputs: ['codes'], outputs: ['real'], attributes: { to: 1 } });
  graph.add({ op: 'Mul', inputs: ['real', 'scale'], outputs: ['w'] });
  graph.add({ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] });
  return new Model(graph);
}

const file = { path: 'model.onnx', sizeBytes: 300 };
const lineOf = (model: Model, field: string) =>
  formatInspect(summarizeModel(model, file), { width: 200 })
    .split('\n')
    .filter((line) => line.startsWith(`  ${field}`));

test('codes without a card are seen, and are not called a float model', () => {
  expect(lineOf(codedModel(), 'quantized')).toEqual(['  quantized   codes: Cast of 1 uint8 constants']);
  expect(lineOf(codedModel(), 'parameters')).toEqual(['  parameters  7 in 10 B']);
});

test('a card says what the weights are, and how many there are', () => {
  const model = codedModel();
  const first = quantizedSummary(8, [{ scheme: 'int8/tensor', values: 4, sizeBytes: 6 }]);
  const both = quantizedSummary(99, [{ scheme: 'int8/tensor', values: 2, sizeBytes: 4 }], first);
  model.metadata.set(WEIGHTS_KEY, cardText({ ...both, parameters: 8 }));
  expect(summarizeModel(model, file).quantized).toEqual({
    parameters: 8,
    schemes: [{ scheme: 'int8/tensor', tensors: 2, values: 6, sizeBytes: 10 }],
  });
  expect(parametersOf(model)).toBe(8);
  expect(lineOf(model, 'parameters')).toEqual(['  parameters  8 in 10 B: 10.00 bits per weight']);
  expect(lineOf(model, 'quantized')[0]).toBe(
    '  quantized   int8/tensor: 2 tensors, 75.00 % of the parameters, 13.33 bits per weight in 10 B',
  );
  expect(formatInspect(summarizeModel(model, file))).toContain('2 parameters (25.00 %) stay as they were');
});

test.each(['', 'null', '{}', '{"parameters":-1,"schemes":[]}', '{"parameters":1,"schemes":[{"scheme":1}]}'])(
  'a card that cannot be read is none: %j',
  (text) => {
    const model = codedModel();
    model.metadata.set(WEIGHTS_KEY, text);
    expect(summarizeModel(model, file).quantized).toBeUndefined();
    expect(parametersOf(model)).toBe(7);
  },
);
