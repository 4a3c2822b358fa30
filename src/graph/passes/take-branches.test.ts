import { Tensor as OrtTensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { runModel } from '../../../test/asset-models.ts';
import { float32, tensor } from '../../tensor/index.ts';
import { Graph } from '../graph.ts';
import { Model } from '../model.ts';
import { tensorInfo } from '../value.ts';
import { weightOf } from '../weight.ts';
import { takeBranches } from './take-branches.ts';

/** `own * x`, then what is given, under names that both branches use. */
function branch(factor: number, ...outputs: string[]): Graph {
  const graph = new Graph(`times${factor}`);
  graph.initializers.set('own', weightOf(float32([], [factor])));
  graph.add({ op: 'Mul', inputs: ['x', 'own'], outputs: ['product'] });
  graph.add({ op: 'Abs', inputs: ['product'], outputs: ['size'] });
  graph.outputs = outputs.map((name) => ({ name, type: undefined }));
  return graph;
}

function model(...tests: boolean[]): Model {
  const graph = new Graph();
  graph.inputs = [tensorInfo('x', 'float32', [2])];
  tests.forEach((value, i) => {
    graph.initializers.set(`test${i}`, weightOf(tensor('bool', [], Uint8Array.of(Number(value)))));
    graph.add({
      op: 'If',
      inputs: [`test${i}`],
      outputs: [`a${i}`, `b${i}`, `c${i}`],
      attributes: {
        then_branch: branch(3, 'product', 'size', 'own'),
        else_branch: branch(-5, 'size', 'own', 'product'),
      },
    });
    for (const name of ['a', 'b', 'c']) graph.outputs.push({ name: `${name}${i}`, type: undefined });
  });
  return new Model(graph);
}

test('the branch that is taken moves out, names apart', async () => {
  const before = model(true, false, true);
  const after = before.clone();
  expect((await takeBranches(after)).changes).toBe(3);
  expect([...after.graph.nodes].map((n) => n.op)).not.toContain('If');
  const feeds = { x: new OrtTensor('float32', Float32Array.of(-1, 2), [2]) };
  const [wanted, got] = [await runModel(before, feeds), await runModel(after, feeds)];
  for (const name of Object.keys(wanted)) expect(got[name]!.data).toEqual(wanted[name]!.data);
});

test('a condition that is fed stays', async () => {
  const fed = model(true);
  fed.graph.initializers.delete('test0');
  fed.graph.inputs.push(tensorInfo('test0', 'bool', []));
  expect((await takeBranches(fed)).changes).toBe(0);
});
