import { expect, test } from 'vitest';
import { ints, type OneNode, oneNode, randomTensor } from '../../../test/one-node.ts';
import { tensor } from '../../tensor/index.ts';
import { Graph } from '../graph.ts';
import { Model } from '../model.ts';
import { tensorInfo } from '../value.ts';
import { removeIdentity } from './remove-identity.ts';

const x = randomTensor(1, 2, 3);
const no = tensor('bool', [], Uint8Array.of(0));
const yes = tensor('bool', [], Uint8Array.of(1));

/** The node passes its first input through, and goes. */
const gone: readonly [OneNode, ...Parameters<typeof oneNode>[1][]][] = [
  [{ op: 'Identity' }, x],
  [{ op: 'Dropout', opset: 11 }, x],
  [{ op: 'Dropout', outputs: 1 }, x],
  [{ op: 'Dropout' }, x, undefined, no],
  [{ op: 'Cast', attributes: { to: 1 } }, x],
  [{ op: 'Reshape' }, x, ints(0, 0)],
  [{ op: 'Reshape' }, x, ints(-1, 3)],
  [{ op: 'Flatten' }, x],
  [{ op: 'Transpose', attributes: { perm: [0, 1] } }, x],
  [{ op: 'Pad' }, x, ints(0, 0, 0, 0)],
  [{ op: 'Pad', opset: 9, attributes: { pads: [0, 0, 0, 0] } }, x],
  [{ op: 'Concat', attributes: { axis: 0 } }, x],
  [{ op: 'Sum' }, x],
  [{ op: 'Max' }, x],
];

const stays: typeof gone = [
  [{ op: 'Dropout' }, x, undefined, yes],
  [{ op: 'Cast', attributes: { to: 11 } }, x],
  [{ op: 'Reshape' }, x, ints(3, 2)],
  [{ op: 'Flatten', attributes: { axis: 0 } }, x],
  [{ op: 'Transpose', attributes: { perm: [1, 0] } }, x],
  [{ op: 'Pad' }, x, ints(0, 0, 0, 1)],
  [{ op: 'Concat', attributes: { axis: 0 } }, x, x],
  [{ op: 'Relu' }, x],
];

/** One node on input `x0` between two that stay. */
async function left(node: OneNode, ...inputs: Parameters<typeof oneNode>[1][]): Promise<string[]> {
  const model = oneNode({ ...node, fed: [0] }, ...inputs);
  const { graph } = model;
  const [tested, end] = graph.nodes;
  graph.add({ op: 'Neg', inputs: ['x0'], outputs: ['before'] });
  graph.setInput(tested!, 0, 'before');
  end!.op = 'Abs';
  await removeIdentity(model);
  expect(graph.outputs.map((o) => o.name)).toEqual(['y0']);
  return graph.topologicalOrder().map((n) => n.op);
}

test.each(gone)('%j goes', async (node, ...inputs) => {
  expect(await left(node, ...inputs)).toEqual(['Neg', 'Abs']);
});

test.each(stays)('%j stays', async (node, ...inputs) => {
  expect(await left(node, ...inputs)).toEqual(['Neg', node.op, 'Abs']);
});

function model(...inputs: ReturnType<typeof tensorInfo>[]): Model {
  const graph = new Graph();
  graph.inputs = inputs;
  return new Model(graph);
}

test('an open dimension counts as the same only when it is the only one', async () => {
  for (const [shape, nodes] of [
    [['n', 3, 4], 0],
    [['n', 'm', 4], 1],
  ] as const) {
    const m = model(tensorInfo('x', 'float32', shape), tensorInfo('shape', 'int64', [3]));
    m.graph.add({ op: 'Reshape', inputs: ['x', 'shape'], outputs: ['r'] });
    m.graph.add({ op: 'Abs', inputs: ['r'], outputs: ['y'] });
    m.graph.outputs = [tensorInfo('y', 'float32')];
    // A shape that is fed could be anything.
    expect((await removeIdentity(m.clone())).changes).toBe(0);
    m.graph.add({ op: 'Shape', inputs: ['x'], outputs: ['s'] });
    m.graph.setInput(m.graph.producer('r')!, 1, 's');
    expect((await removeIdentity(m)).changes).toBe(1 - nodes);
  }
});

test('outputs keep their names', async () => {
  const m = model(tensorInfo('x', 'float32', [2]));
  m.graph.add({ op: 'Neg', inputs: ['x'], outputs: ['n'] });
  m.graph.add({ op: 'Identity', inputs: ['n'], outputs: ['y'] });
  m.graph.add({ op: 'Abs', inputs: ['n'], outputs: ['z'] });
  m.graph.outputs = [tensorInfo('y', 'float32'), tensorInfo('z', 'float32')];
  await removeIdentity(m);
  expect([...m.graph.nodes].map((n) => [n.op, ...n.inputs, ...n.outputs])).toEqual([
    ['Neg', 'x', 'y'],
    ['Abs', 'y', 'z'],
  ]);

  // Only a node can give an input or a second output its other name.
  const direct = model(tensorInfo('x', 'float32', [2]));
  direct.graph.add({ op: 'Identity', inputs: ['x'], outputs: ['y'] });
  direct.graph.outputs = [tensorInfo('y', 'float32')];
  expect((await removeIdentity(direct)).changes).toBe(0);
  const twice = model(tensorInfo('x', 'float32', [2]));
  twice.graph.add({ op: 'Neg', inputs: ['x'], outputs: ['n'] });
  twice.graph.add({ op: 'Identity', inputs: ['n'], outputs: ['y'] });
  twice.graph.outputs = [tensorInfo('n', 'float32'), tensorInfo('y', 'float32')];
  expect((await removeIdentity(twice)).changes).toBe(0);
});

test('a value that a subgraph captures follows', async () => {
  const branch = (op: string) => {
    const graph = new Graph(op);
    graph.add({ op, inputs: ['same'], outputs: [`${op}_y`] });
    graph.outputs = [tensorInfo(`${op}_y`, 'float32')];
    return graph;
  };
  const m = model(tensorInfo('x', 'float32', [2]), tensorInfo('test', 'bool', []));
  m.graph.add({ op: 'Identity', inputs: ['x'], outputs: ['same'] });
  const attributes = { then_branch: branch('Neg'), else_branch: branch('Abs') };
  m.graph.add({ op: 'If', inputs: ['test'], outputs: ['y'], attributes });
  m.graph.outputs = [tensorInfo('y', 'float32')];
  await removeIdentity(m);
  const [only] = m.graph.nodes;
  expect(only!.op).toBe('If');
  expect(only!.subgraphs().flatMap((g) => [...g.nodes].map((n) => n.inputs[0]))).toEqual(['x', 'x']);
});
