import type { BlockLayout, IntegerArray } from './affine.ref.ts';
import { nearestEven } from './quantize-affine.ref.ts';

/**
 * Codes of evenly spaced cells in every shape and rounding: the readable twin of `quantizeCells` and `dequantize` in
 * assembly/quantize-affine.ts, equal to it bit for bit. Every step is one float32 operation.
 */

const f = Math.fround;

/** How a value between two levels is rounded; `mask`: down or up as told, value by value. */
export type CellRounding = 'half-even' | 'half-away' | 'stochastic' | 'mask';

/**
 * How cells lie, with t = value / scale.
 * tread: code = R(t) + zero, or R(t + zero) with a real zero point.
 * rise: no level at 0; code = floor(t) + zero, mirrored for negative t, so that signs are kept.
 * dead-zone: code = sign(t) max(0, R(|t| - margin)) + zero; level = sign(k) (|k| + margin) for k = code - zero.
 */
export interface Cells {
  readonly shape: 'tread' | 'rise' | 'dead-zone';
  /** Dead zone: by how many steps the cell of 0 reaches further out than half a step, at each side; else 0. */
  readonly margin: number;
  readonly realZero: boolean;
  readonly rounding: CellRounding;
  /** stochastic: which random numbers. */
  readonly seed: number;
}

/** 32 bits mixed so that each depends on all (C. Wellons, "Prospecting for hash functions", 2018: lowbias32). */
export function mix32(x: number): number {
  let h = x >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}

/** What `seed` becomes before places are mixed in: neighbouring seeds have nothing in common. */
export function roundingKey(seed: number): number {
  return mix32(Math.imul(seed, 0x9e3779b9) + 0x7f4a7c15);
}

/** The random number in [0, 1) of a place, of 24 bits: it depends on nothing else, so tiling does not matter. */
export function randomAt(key: number, place: number): number {
  return (mix32(place ^ key) >>> 8) * 2 ** -24;
}

/** R: t rounded to a whole number. `up`: 0 or 1, for `mask`. */
export function roundCell(t: number, rounding: CellRounding, key: number, place: number, up: number): number {
  switch (rounding) {
    case 'half-even':
      return nearestEven(t);
    case 'half-away': {
      const whole = Math.trunc(t);
      return Math.abs(t - whole) >= 0.5 ? whole + (t < 0 ? -1 : 1) : whole;
    }
    case 'stochastic': {
      const below = Math.floor(t);
      return t - below > randomAt(key, place) ? below + 1 : below;
    }
    case 'mask':
      return Math.floor(t) + up;
  }
}

/** The code of one value, not yet clamped. */
export function cellOf(
  value: number,
  scale: number,
  zero: number,
  cells: Cells,
  key: number,
  place: number,
  up = 0,
): number {
  const t = f(value / scale);
  const { shape, margin, realZero, rounding } = cells;
  if (shape === 'tread') {
    if (realZero) return roundCell(f(t + zero), rounding, key, place, up);
    return f(roundCell(t, rounding, key, place, up) + zero);
  }
  if (shape === 'rise') {
    if (rounding === 'stochastic' || rounding === 'mask')
      return f(roundCell(f(t - 0.5), rounding, key, place, up) + zero);
    const out = Math.floor(Math.abs(t));
    return f((t < 0 ? -out - 1 : out) + zero);
  }
  const out = Math.max(0, roundCell(f(Math.abs(t) - margin), rounding, key, place, up));
  return f((t < 0 ? -out : out) + zero);
}

/** Codes of many blocks. `first`: place of the first value; `mask`: 0 or 1 for each value. */
export function quantizeCellsRef(
  values: Float32Array, // [rows, length]
  { rows, length, block }: BlockLayout,
  scale: Float32Array, // [rows, ceil(length / block)]
  zero: Float32Array, // like scale
  { minCode, maxCode }: { readonly minCode: number; readonly maxCode: number },
  cells: Cells,
  first: number,
  mask: Uint8Array | undefined, // [rows, length]
  codes: IntegerArray, // [rows, length]
): void {
  const key = roundingKey(cells.seed);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    for (let start = 0; start < length; start += block, at++) {
      const to = row * length + Math.min(start + block, length);
      for (let i = row * length + start; i < to; i++) {
        const code = cellOf(values[i]!, scale[at]!, zero[at]!, cells, key, first + i, mask?.[i]);
        codes[i] = Math.max(minCode, Math.min(maxCode, code));
      }
    }
  }
}

/** The real of one code: level x scale, the level moved out by the margin of a dead zone. */
export function realOf(code: number, scale: number, zero: number, margin: number): number {
  const level = f(code - zero);
  return f((level === 0 ? level : level < 0 ? level - margin : level + margin) * scale);
}

/** Codes back to reals. */
export function dequantizeRef(
  codes: IntegerArray, // [rows, length]
  { rows, length, block }: BlockLayout,
  scale: Float32Array, // [rows, ceil(length / block)]
  zero: Float32Array, // like scale
  margin: number,
  out: Float32Array, // [rows, length]
): void {
  let at = 0;
  for (let row = 0; row < rows; row++) {
    for (let start = 0; start < length; start += block, at++) {
      const to = row * length + Math.min(start + block, length);
      for (let i = row * length + start; i < to; i++)
        out[i] = realOf(codes[i]!, scale[at]!, zero[at]!, margin);
    }
  }
}
