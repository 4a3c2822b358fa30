import { emptyGridBlock, type GridBlock, type GridFormat } from './grid-format.ref.ts';
import { halfBits, halfValue } from './half.ref.ts';
import { nearestInt } from './nearest-int.ref.ts';

const { fround: f, abs, floor, max, min } = Math;

/** The scales that a group is tried with, in parts of largest magnitude / largest level. */
const TRIALS = [0.56, 0.63, 0.7, 0.77, 0.84, 0.91, 0.98, 1.05];
/** d is tried as the largest scale of a group over each of these: where its 4-bit scale would be, and 1/2. */
const TOPS = Array.from({ length: 24 }, (_, i) => f(15.8 - 0.3 * i));
/** Scales next to each other that a group is searched with once d is known. */
const STEPS = 4;
/** Blocks whose Σ w x² is beyond these are left to reference search: float32 would not hold the sums. */
const LEAST_ENERGY = 2 ** -80;
const MOST_ENERGY = 2 ** 80;

/** What a choice of points explains: Σ w q², 2 Σ w x q; under a scale s its error is s (s a - b) + Σ w x². */
interface Line {
  readonly a: number;
  readonly b: number;
}

const plus = (p: Line, q: Line): Line => ({ a: f(p.a + q.a), b: f(p.b + q.b) });
const costOf = (line: Line, scale: number): number => f(f(scale * line.a) - line.b);

/**
 * Best search for one block of a grid type: the least Σ w (x - x')² that we reach, with the levels as they decode.
 *
 * 1. Each group alone: under eight scales the best points, and for the choice that explains most, b² / a, the scale
 *    b / 2a that fits it.
 * 2. d: of 24 values the one under which the groups' choices lose least when their scales are cut to 4 bits.
 * 3. Each group again, under the four 4-bit scales next to its own: the best points, the best scale.
 * 4. d once more, by least squares over the whole block.
 *
 * The best points under a scale are the levels next to the values where those are a point of the grid, and otherwise
 * the best of the points around. Where signs must be even and are not, the two values that lose least by a change of
 * sign are tried (in step 1 the first of them).
 * @param values [256]
 * @param importance [256]
 * @returns undefined where there is nothing to go by: nothing that weighs, or numbers too large or too small
 */
export function bestGridBlock(
  format: GridFormat,
  values: Float32Array,
  importance: Float32Array | undefined,
): GridBlock | undefined {
  const { grid, levels, group, unit } = format;
  const block = emptyGridBlock(format);
  const weights = importance ?? new Float32Array(256).fill(1);
  let energy = 0;
  for (let i = 0; i < 256; i++) energy = f(energy + f(f(weights[i]! * values[i]!) * values[i]!));
  if (!(energy > LEAST_ENERGY && energy < MOST_ENERGY)) return undefined;
  const groups = 256 / group;
  const eights = Array.from({ length: 32 }, (_, k) => splitEight(format, values, weights, k));

  const alone = Array.from({ length: groups }, (_, g) => {
    const largest = values.subarray(g * group, (g + 1) * group).reduce((m, x) => max(m, abs(x)), 0);
    let best = { a: 0, b: 0, scale: 0 };
    let most = 0;
    if (largest > 0) {
      for (const part of TRIALS) {
        const scale = f(largest * f(part / levels.at(-1)!));
        let line: Line = { a: 0, b: 0 };
        for (let k = 0; k < group / 8; k++)
          line = plus(line, choose(format, eights[(g * group) / 8 + k]!.variants[0]!, scale).line);
        const gain = line.b > 0 ? f(line.b * f(line.b / line.a)) : 0;
        if (gain > most) {
          most = gain;
          best = { ...line, scale: f(0.5 * f(line.b / line.a)) };
        }
      }
    }
    return best;
  });

  const largest = alone.reduce((m, { scale }) => max(m, scale), 0);
  if (largest === 0) return undefined;
  let d = 0;
  let least = Number.POSITIVE_INFINITY;
  for (const top of TOPS) {
    const tried = f(largest / top);
    let sum = 0;
    for (const { a, b, scale } of alone) {
      const code = nearestInt(f(f(scale * f(1 / tried)) - 0.5));
      const stored = f(tried * (max(0, min(15, code)) + 0.5));
      sum = f(sum + f(stored * costOf({ a, b }, stored)));
    }
    if (sum < least) {
      least = sum;
      d = tried;
    }
  }
  block.d = stored(d, unit);
  d = f(halfValue(block.d) * unit);

  let slope = 0; // the block's error is d (d · curve - slope)
  let curve = 0;
  for (let g = 0; g < groups; g++) {
    const from = max(0, min(15 - STEPS + 1, floor(f(f(alone[g]!.scale * f(1 / d)) - 0.5)) - 1));
    let best = { error: Number.POSITIVE_INFINITY, line: { a: 0, b: 0 } as Line, code: 0, choices: [] as Choice[] };
    for (let code = from; code < from + STEPS; code++) {
      const scale = f(d * (code + 0.5));
      let line: Line = { a: 0, b: 0 };
      const choices: Choice[] = [];
      for (let k = 0; k < group / 8; k++) {
        let choice: Choice | undefined;
        for (const variant of eights[(g * group) / 8 + k]!.variants) {
          const other = choose(format, variant, scale);
          if (choice === undefined || costOf(other.line, scale) < costOf(choice.line, scale)) choice = other;
        }
        line = plus(line, choice!.line);
        choices.push(choice!);
      }
      const error = f(scale * costOf(line, scale));
      if (error < best.error) best = { error, line, code, choices };
    }
    block.scales[g] = best.code;
    best.choices.forEach(({ codes, signs }, k) => {
      block.codes.set(codes, (g * group + 8 * k) / grid.dimensions);
      block.signs[(g * group) / 8 + k] = signs;
    });
    const scale = best.code + 0.5;
    slope = f(slope + f(scale * best.line.b));
    curve = f(curve + f(f(scale * scale) * best.line.a));
  }
  const again = stored(f(0.5 * f(slope / curve)), unit);
  const errorOf = (bits: number) => {
    const value = f(halfValue(bits) * unit);
    return f(value * costOf({ a: curve, b: slope }, value));
  };
  if (errorOf(again) < errorOf(block.d)) block.d = again;
  return block;
}

/** Bits of the float16 next to d / unit, neither zero nor Inf. */
const stored = (d: number, unit: number): number => max(1, min(0x7bff, halfBits(f(d / unit))));

/** Eight magnitudes under one choice of signs. */
interface Variant {
  readonly magnitudes: Float32Array; // [8]; one may be negative
  readonly weights: Float32Array; // [8]
  readonly signs: number;
}

interface Choice {
  readonly codes: number[]; // [8 / dimensions]
  readonly signs: number;
  readonly line: Line;
}

function splitEight(
  { evenSigns }: GridFormat,
  values: Float32Array,
  weights: Float32Array,
  k: number,
): { variants: Variant[] } {
  const x = values.subarray(8 * k, 8 * k + 8);
  const w = weights.subarray(8 * k, 8 * k + 8);
  let signs = 0;
  let odd = false;
  for (let i = 0; i < 8; i++) {
    if (!(x[i]! < 0)) continue;
    signs |= 1 << i;
    odd = !odd;
  }
  const magnitudes = x.map(abs);
  if (!evenSigns || !odd) return { variants: [{ magnitudes, weights: w, signs }] };
  const loss = (i: number) => f(w[i]! * magnitudes[i]!);
  let first = 0;
  for (let i = 1; i < 8; i++) if (loss(i) < loss(first)) first = i;
  let second = first === 0 ? 1 : 0;
  for (let i = second + 1; i < 8; i++) if (i !== first && loss(i) < loss(second)) second = i;
  const flipped = (place: number): Variant => ({
    magnitudes: magnitudes.map((y, i) => (i === place ? -y : y)),
    weights: w,
    signs: signs ^ (1 << place),
  });
  return { variants: [flipped(first), flipped(second)] };
}

/** The best points of eight values under a scale. */
function choose(format: GridFormat, { magnitudes, weights, signs }: Variant, scale: number): Choice {
  const { grid, bestShells, slope, below } = format;
  const codes: number[] = [];
  let line: Line | undefined;
  for (let at = 0; at < 8; at += grid.dimensions) {
    const y = magnitudes.subarray(at, at + grid.dimensions);
    const w = weights.subarray(at, at + grid.dimensions);
    const rounder = f(f(slope) / scale);
    let code = 0;
    for (let i = 0; i < grid.dimensions; i++) {
      const level = f(f(rounder * y[i]!) - f(below));
      const whole = level >= grid.levels - 1 ? grid.levels - 1 : level <= 0 ? 0 : nearestInt(level);
      code |= whole << (grid.levelBits * i);
    }
    let best = lineOf(format, y, w, code);
    if (grid.indexOf[code]! < 0) {
      let least = Number.POSITIVE_INFINITY;
      for (const neighbour of grid.neighbours(code, bestShells)) {
        const other = lineOf(format, y, w, neighbour);
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
  return { codes, signs, line: line! };
}

/** Summed in pairs, and pairs of pairs. */
function lineOf({ grid, levels }: GridFormat, y: Float32Array, w: Float32Array, code: number): Line {
  let lines: Line[] = Array.from(y, (value, i) => {
    const q = levels[(code >> (grid.levelBits * i)) & (2 ** grid.levelBits - 1)]!;
    return { a: f(w[i]! * (q * q)), b: f(f(2 * f(w[i]! * value)) * q) };
  });
  while (lines.length > 1)
    lines = Array.from({ length: lines.length / 2 }, (_, i) => plus(lines[2 * i]!, lines[2 * i + 1]!));
  return lines[0]!;
}
