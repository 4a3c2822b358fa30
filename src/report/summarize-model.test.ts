import { expect, test } from 'vitest';
import { Graph, Model, tensorInfo, weightOf } from '../graph/index.ts';
import { float32 } from '../tensor/index.ts';
import { formatInspect } from './format-inspect.ts';
import { summarizeModel } from './summarize-model.ts';

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
