import { expect, test } from 'vitest';
import { affineParameters, integerCodes, perTensor, quantizeTensor, type Scheme } from './index.ts';

const uint8: Scheme = { format: 'uint8', granularity: perTensor, symmetric: false };
const int8: Scheme = { format: 'int8', granularity: perTensor, symmetric: true };
const f = Math.fround;

test('the codes that each choice leaves', () => {
  const codes = (bits: number, signed: boolean, choice = {}) => {
    const { minCode, maxCode, symmetricZero } = integerCodes(bits, signed, { symmetric: true, ...choice });
    return [minCode, maxCode, symmetricZero];
  };
  expect(codes(8, true)).toEqual([-128, 127, 0]);
  expect(codes(8, true, { restricted: true })).toEqual([-127, 127, 0]);
  expect(codes(8, true, { reduced: true })).toEqual([-64, 63, 0]);
  expect(codes(8, true, { reduced: true, restricted: true })).toEqual([-63, 63, 0]);
  expect(codes(8, false)).toEqual([0, 255, 128]);
  expect(codes(8, false, { restricted: true })).toEqual([1, 255, 128]);
  expect(codes(8, false, { restricted: true, symmetric: false })).toEqual([0, 255, 128]);
  expect(codes(8, false, { reduced: true })).toEqual([0, 127, 64]);
  expect(codes(4, false)).toEqual([0, 15, 8]);
  expect(codes(2, true)).toEqual([-2, 1, 0]);
});

test('ranges of activations', () => {
  expect(affineParameters({ min: -1, max: 3 }, uint8)).toEqual({ scale: f(4 / 255), zeroPoint: 64 });
  expect(affineParameters({ min: -1, max: 3 }, int8)).toEqual({ scale: f(3 / 127), zeroPoint: 0 });
  // Ranges that miss 0 are widened to it, so that 0 has a code.
  expect(affineParameters({ min: 2, max: 4 }, uint8)).toEqual({ scale: f(4 / 255), zeroPoint: 0 });
  expect(affineParameters({ min: -4, max: -2 }, uint8)).toEqual({ scale: f(4 / 255), zeroPoint: 255 });
  expect(affineParameters({ min: 0, max: 0 }, uint8)).toEqual({ scale: 1, zeroPoint: 0 });
  expect(affineParameters({ min: 0, max: 1e-42 }, uint8)).toEqual({ scale: 1, zeroPoint: 0 });
  expect(affineParameters({ min: -3e38, max: 3e38 }, uint8).scale).toBe(f(6e38 / 255));
  expect(affineParameters({ min: 0, max: 10 }, { ...uint8, powerOfTwo: true })).toEqual({
    scale: 2 ** -4,
    zeroPoint: 0,
  });
  expect(affineParameters({ min: -448, max: 7 }, { ...int8, format: 'e4m3fn' })).toEqual({
    scale: 1,
    zeroPoint: 0,
  });
});

test('a tensor gets the parameters of its range', async () => {
  const values = Float32Array.of(-0.3, 0.9, 0.1, -1.7);
  const range = { min: -1.7, max: 0.9 };
  for (const scheme of [uint8, int8, { ...uint8, reduced: true }, { ...int8, restricted: true }]) {
    const q = await quantizeTensor(values, [4], scheme);
    const { scale, zeroPoint } = affineParameters(range, scheme);
    expect(q.scale[0]).toBe(scale);
    expect(q.zeroPoint?.[0] ?? 0).toBe(zeroPoint);
  }
});

test('scales are stored as the file will hold them', async () => {
  const values = Float32Array.of(1, -0.77, 0.3);
  const q = await quantizeTensor(values, [3], { ...int8, scaleType: 'float16' });
  expect(q.scale[0]).toBe(0.00787353515625); // the float16 nearest to 1 / 127
  const tiny = await quantizeTensor(Float32Array.of(1e-9), [1], { ...int8, scaleType: 'float16' });
  expect(tiny.scale[0]).toBe(2 ** -24);
  const p = await quantizeTensor(values, [3], { ...int8, powerOfTwo: true });
  expect(Math.log2(p.scale[0]!)).toBe(-6);
});
