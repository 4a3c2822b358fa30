import { expect, test } from 'vitest';
import { float32 } from '../../tensor/index.ts';
import { Graph } from '../graph.ts';
import { Model } from '../model.ts';
import { tensorInfo } from '../value.ts';
import { weightOf } from '../weight.ts';
import { freezeInitializers } from './freeze-initializers.ts';

const listed = (irVersion: number) => {
  const graph = new Graph();
  graph.inputs = [tensorInfo('x', 'float32', [1]), tensorInfo('w', 'float32', [1])];
  graph.initializers.set('w', weightOf(float32([1], [2])));
  graph.add({ op: 'Mul', inputs: ['x', 'w'], outputs: ['y'] });
  graph.outputs = [tensorInfo('y', 'float32', [1])];
  const model = new Model(graph);
  model.irVersion = irVersion;
  return model;
};

test('listed initializers become constants', async () => {
  const old = listed(3);
  expect(old.graph.constant('w')).toBeUndefined();
  expect(await freezeInitializers(old)).toEqual({ changes: 1, notes: [] });
  expect(old.graph.constant('w')?.dims).toEqual([1]);
  expect([old.irVersion, ...old.graph.inputs.map((i) => i.name)]).toEqual([4, 'x']);
  expect((await freezeInitializers(old)).changes).toBe(0);
});

test('where a caller could have given another value, a note says so', async () => {
  expect((await freezeInitializers(listed(8))).notes).toEqual([
    "Inputs with default values became constants: 'w'.",
  ]);
});
