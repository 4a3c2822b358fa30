import { expect, test } from 'vitest';
import { Graph, Model, weightOf } from '../graph/index.ts';
import { float32 } from '../tensor/index.ts';
import { qualityNotes } from './quality-notes.ts';

const graph = new Graph();
graph.initializers.set('w', weightOf(float32([100], new Float32Array(100))));
const float = new Model(graph);
const tensor = (floatBytes: number) => ({ floatBytes }) as never;
const agreement = (sqnrDb: number, sameDecision: number) => ({
  samples: 10,
  sameDecision,
  outputs: [{ name: 'y', sqnrDb, cosine: 1, maxAbsError: 0 }],
});

test('a good result that covers the model needs no word', () => {
  expect(qualityNotes(agreement(30, 0.99), { quantized: [tensor(400)], kept: [], notes: [] }, float)).toEqual(
    [],
  );
});

test('a result far from float, and one that hardly changes anything, are said', () => {
  expect(qualityNotes(agreement(6.7, 0.91), { quantized: [tensor(8)], kept: [], notes: [] }, float)).toEqual([
    "FAR FROM FLOAT: 'y' has 6.7 dB, 91.0 % of the decisions are the same. Find the layers (--layers) and keep them float, or choose more bits.",
    "Hardly applies: 2.0 % of the weights' bytes are quantized.",
  ]);
});
