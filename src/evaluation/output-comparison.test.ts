import { expect, test } from 'vitest';
import { fromFloat32 } from '../numerics/index.ts';
import { float32, tensor } from '../tensor/index.ts';
import { compareOutputs, cosine, OutputComparison, sqnrDb } from './output-comparison.ts';

test('SQNR, cosine, largest error', () => {
  const reference = [3, 4];
  expect(sqnrDb(reference, [3, 4.5])).toBeCloseTo(10 * Math.log10(25 / 0.25), 12); // 20 dB
  expect(cosine([1, 0], [1, 1])).toBeCloseTo(Math.SQRT1_2, 12);
  expect(compareOutputs({ y: float32([2], reference) }, { y: float32([2], [3, 4.5]) })).toEqual([
    { name: 'y', sqnrDb: expect.closeTo(20, 12), cosine: expect.any(Number), maxAbsError: 0.5 },
  ]);
});

test('the ends are numbers', () => {
  expect(sqnrDb([1, 2], [1, 2])).toBe(400);
  expect(sqnrDb([0, 0], [0, 1])).toBe(-400);
  expect(cosine([0, 0], [0, 0])).toBe(1);
  expect(cosine([0, 0], [0, 1])).toBe(0);
  expect(sqnrDb([1, 2], [1, Number.POSITIVE_INFINITY])).toBe(-400);
  expect(sqnrDb([1, 2], [1, Number.NaN])).toBe(-400);
  expect(cosine([1, 2], [1, Number.NaN])).toBe(0);
});

test('batches add up to the whole, whatever the element type', () => {
  const a = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i));
  const b = a.map((x) => Math.round(x * 8) / 8);
  const streamed = new OutputComparison();
  for (let i = 0; i < 64; i += 16) {
    streamed.update(
      { y: tensor('float32', [16], a.slice(i, i + 16)) },
      { y: fromFloat32(b.slice(i, i + 16), [16], 'float16') },
    );
  }
  const [row] = streamed.result();
  expect(row!.sqnrDb).toBeCloseTo(sqnrDb(a, b), 10);
  expect(row!.cosine).toBeCloseTo(cosine(a, b), 12);
});

test('what cannot be paired is said', () => {
  const comparison = new OutputComparison();
  comparison.update({ boxes: float32([2], [1, 2]) }, { boxes: float32([1], [1]) });
  expect(comparison.result()).toEqual([]);
  expect(comparison.notes()).toMatchInlineSnapshot(`
    [
      "Output 'boxes' had another shape than the reference in 1 of 1 batches; those are not compared.",
    ]
  `);
});
