import { expect, test } from 'vitest';
import { float32 } from '../../tensor/index.ts';
import { Graph } from '../graph.ts';
import { Model } from '../model.ts';
import { Node } from '../node.ts';
import { tensorInfo } from '../value.ts';
import { weightOf } from '../weight.ts';
import { removeDeadCode } from './remove-dead-code.ts';

const one = weightOf(float32([], [1]));

test('removes what no output needs, and keeps inputs and what subgraphs capture', async () => {
  const branch = (name: string) => {
    const graph = new Graph(name);
    graph.initializers.set(`${name}_w`, one);
    graph.initializers.set(`${name}_unused`, one);
    graph.add({ op: 'Add', inputs: ['captured', `${name}_w`], outputs: [`${name}_y`] });
    graph.add({ op: 'Neg', inputs: ['only_dead'], outputs: [`${name}_dead`] });
    graph.outputs = [tensorInfo(`${name}_y`, 'float32')];
    return graph;
  };
  const graph = new Graph();
  graph.inputs = [tensorInfo('x', 'float32'), tensorInfo('test', 'bool'), tensorInfo('unused', 'float32')];
  graph.initializers.set('unused', one);
  graph.initializers.set('w', one);
  graph.add({ op: 'Relu', inputs: ['x'], outputs: ['captured'] });
  graph.add({ op: 'Relu', inputs: ['x'], outputs: ['only_dead'] });
  graph.add({ op: 'Mul', inputs: ['captured', 'w'], outputs: ['dead'] });
  graph.add({ op: 'Neg', inputs: ['dead'], outputs: ['deader'] });
  const attributes = { then_branch: branch('a'), else_branch: branch('b') };
  graph.add({ op: 'If', inputs: ['test'], outputs: ['y'], attributes });
  graph.outputs = [tensorInfo('y', 'float32')];
  graph.valueInfo.set('deader', tensorInfo('deader', 'float32'));
  graph.valueInfo.set('captured', tensorInfo('captured', 'float32'));

  const { changes } = await removeDeadCode(new Model(graph));
  expect([...graph.nodes].map((n) => n.outputs[0])).toEqual(['captured', 'y']);
  expect([...graph.initializers.keys()]).toEqual(['unused']);
  expect([...graph.valueInfo.keys()]).toEqual(['captured']);
  expect(graph.inputs.length).toBe(3);
  const inner = graph.producer('y')!.subgraphs();
  expect(inner.map((g) => [[...g.nodes].length, ...g.initializers.keys()])).toEqual([
    [1, 'a_w'],
    [1, 'b_w'],
  ]);
  // Two dead nodes and one dead weight in each branch's place, three nodes, one weight, one annotation here.
  expect(changes).toBe(2 * 2 + 3 + 1 + 1);
  expect((await removeDeadCode(new Model(graph))).changes).toBe(0);
});

test('removes functions that nobody calls, also not from functions that are called', async () => {
  const graph = new Graph();
  graph.inputs = [tensorInfo('x', 'float32')];
  graph.add({ op: 'Outer', domain: 'own', inputs: ['x'], outputs: ['y'] });
  graph.outputs = [tensorInfo('y', 'float32')];
  const model = new Model(graph);
  const calls = { Outer: 'Inner', Inner: 'Relu', Unused: 'Inner' };
  model.functions = Object.entries(calls).map(([name, op]) => ({
    name,
    domain: 'own',
    overload: '',
    inputs: ['a'],
    outputs: ['b'],
    attributes: [],
    attributeDefaults: new Map(),
    nodes: [new Node({ op, domain: op === 'Relu' ? '' : 'own', inputs: ['a'], outputs: ['b'] })],
    opsets: new Map([['', 21]]),
    valueInfo: [],
    docString: '',
    metadata: new Map(),
  }));
  await removeDeadCode(model);
  expect(model.functions.map((f) => f.name)).toEqual(['Outer', 'Inner']);
});
