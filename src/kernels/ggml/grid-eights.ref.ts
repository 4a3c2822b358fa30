import type { GridFormat } from './grid-format.ref.ts';
import { nearestInt } from './nearest-int.ref.ts';

const { fround: f, abs, max } = Math;

/** What a choice of points explains: Σ w q², 2 Σ w x q; under a scale s its error is s (s a - b) + Σ w x². */
export interface Line {
  readonly a: number;
  readonly b: number;
}

export const plus = (p: Line, q: Line): Line => ({ a: f(p.a + q.a), b: f(p.b + q.b) });

/** What the error is over s, up to what all choices have in common. */
export const costOf = (line: Line, scale: number): number => f(f(scale * line.a) - line.b);

/** Eight magnitudes under one choice of signs. */
interface Variant {
  readonly magnitudes: Float32Array; // [8]; one may be negative
  readonly signs: number;
  /** [8, levels] of each value at each level. */
  readonly lines: readonly Line[];
}

/** Eight values: one choice of signs, or two. */
export interface Eight {
  readonly largest: number;
  readonly variants: readonly Variant[];
}

/** Points of eight values. */
export interface Choice {
  readonly codes: readonly number[]; // [8 / dimensions]
  readonly signs: number;
  readonly line: Line;
}

/** The k-th eight values of a block. Where minus signs must be even and are odd, the two cheapest changes of one. */
export function splitEight(
  { evenSigns, levels }: GridFormat,
  values: Float32Array,
  weights: Float32Array,
  k: number,
): Eight {
  const x = values.subarray(8 * k, 8 * k + 8);
  const w = weights.subarray(8 * k, 8 * k + 8);
  const magnitudes = x.map(abs);
  const largest = magnitudes.reduce((most, y) => max(most, y), 0);
  let signs = 0;
  let odd = false;
  for (let i = 0; i < 8; i++) {
    if (!(x[i]! < 0)) continue;
    signs |= 1 << i;
    odd = !odd;
  }
  const variant = (place: number): Variant => {
    const changed = magnitudes.map((y, i) => (i === place ? -y : y));
    const lines = Array.from(changed, (y, i) =>
      levels.map((q) => ({ a: f(w[i]! * (q * q)), b: f(f(2 * f(w[i]! * y)) * q) })),
    ).flat();
    return { magnitudes: changed, signs: place < 0 ? signs : signs ^ (1 << place), lines };
  };
  if (!evenSigns || !odd) return { largest, variants: [variant(-1)] };
  const loss = (i: number) => f(w[i]! * magnitudes[i]!);
  let first = 0;
  for (let i = 1; i < 8; i++) if (loss(i) < loss(first)) first = i;
  let second = first === 0 ? 1 : 0;
  for (let i = second + 1; i < 8; i++) if (i !== first && loss(i) < loss(second)) second = i;
  return { largest, variants: [variant(first), variant(second)] };
}

/** The best points of eight values under a scale, looked for as far as `shells`. */
export function choose(format: GridFormat, variant: Variant, scale: number, shells: number): Choice {
  const { grid, slope, below } = format;
  const codes: number[] = [];
  let line: Line | undefined;
  const rounder = f(f(slope) / scale);
  for (let at = 0; at < 8; at += grid.dimensions) {
    let code = 0;
    for (let i = 0; i < grid.dimensions; i++) {
      const level = f(f(rounder * variant.magnitudes[at + i]!) - f(below));
      const whole = level >= grid.levels - 1 ? grid.levels - 1 : level <= 0 ? 0 : nearestInt(level);
      code |= whole << (grid.levelBits * i);
    }
    let best = lineOf(format, variant, at, code, grid.dimensions);
    if (grid.indexOf[code]! < 0) {
      let least = Number.POSITIVE_INFINITY;
      for (const neighbour of grid.neighbours(code, shells)) {
        const other = lineOf(format, variant, at, neighbour, grid.dimensions);
        const cost = costOf(other, scale);
        if (cost >= least) continue;
        least = cost;
        best = other;
        code = neighbour;
      }
    }
    line = line === undefined ? best : plus(line, best);
    codes.push(code);
  }
  return { codes, signs: variant.signs, line: line! };
}

/** The line of `count` values from `at` on, summed in pairs and pairs of pairs; the first level is the lowest of `code`. */
function lineOf(format: GridFormat, variant: Variant, at: number, code: number, count: number): Line {
  const { levels, levelBits } = format.grid;
  if (count === 1) return variant.lines[at * levels + (code & (2 ** levelBits - 1))]!;
  const half = count / 2;
  return plus(
    lineOf(format, variant, at, code, half),
    lineOf(format, variant, at + half, code >> (levelBits * half), half),
  );
}
