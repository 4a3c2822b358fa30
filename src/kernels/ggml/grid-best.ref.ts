import { type Choice, choose, costOf, type Eight, type Line, plus, splitEight } from './grid-eights.ref.ts';
import { emptyGridBlock, type GridBlock, type GridFormat } from './grid-format.ref.ts';
import { halfBits, halfValue } from './half.ref.ts';
import { nearestInt } from './nearest-int.ref.ts';

const { fround: f, floor, max, min } = Math;

/** The scales that a group is tried with, in parts of largest magnitude / largest level. */
const TRIALS = [0.53, 0.64, 0.75, 0.86, 0.97, 1.08, 1.19, 1.3];
/** d is tried as the largest scale of a group over each of these: where its 4-bit scale would be, and 1/2. */
const TOPS = Array.from({ length: 24 }, (_, i) => f(15.8 - 0.3 * i));
/** Scales next to each other that a group is searched with once d is known. */
const STEPS = 4;
/** Blocks whose Σ w x² is beyond these are left to reference search: float32 would not hold the sums. */
const LEAST_ENERGY = 2 ** -80;
const MOST_ENERGY = 2 ** 80;

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
 * the best of the points around: where values differ in importance, step 3 looks further than ggml does. Where signs
 * must be even and are not, the two values that lose least by a change of sign are tried (in step 1 the first).
 * @param values [256]
 * @param importance [256]
 * @returns undefined where there is nothing to go by: nothing that weighs, or numbers too large or too small
 */
export function bestGridBlock(
  format: GridFormat,
  values: Float32Array,
  importance: Float32Array | undefined,
): GridBlock | undefined {
  const { grid, group, unit } = format;
  const weights = importance ?? new Float32Array(256).fill(1);
  const shells = importance === undefined ? format.shells : format.bestShells;
  let energy = 0;
  for (let i = 0; i < 256; i++) energy = f(energy + f(f(weights[i]! * values[i]!) * values[i]!));
  if (!(energy > LEAST_ENERGY && energy < MOST_ENERGY)) return undefined;

  const eights = Array.from({ length: 32 }, (_, k) => splitEight(format, values, weights, k));
  const groups = Array.from({ length: 256 / group }, (_, g) =>
    eights.slice((g * group) / 8, ((g + 1) * group) / 8),
  );
  const alone = groups.map((group) => searchAlone(format, group));
  const largest = alone.reduce((most, { scale }) => max(most, scale), 0);
  if (largest === 0) return undefined;

  const block = emptyGridBlock(format);
  block.d = stored(chooseD(alone, largest), unit);
  const d = f(halfValue(block.d) * unit);
  let sum: Line = { a: 0, b: 0 }; // of the block, over d
  groups.forEach((members, g) => {
    const near = floor(f(f(alone[g]!.scale * f(1 / d)) - 0.5)) - 1;
    const { code, line, choices } = searchGroup(
      format,
      members,
      d,
      max(0, min(15 - STEPS + 1, near)),
      shells,
    );
    block.scales[g] = code;
    choices.forEach(({ codes, signs }, k) => {
      block.codes.set(codes, (g * group + 8 * k) / grid.dimensions);
      block.signs[(g * group) / 8 + k] = signs;
    });
    const scale = code + 0.5;
    sum = plus(sum, { a: f(f(scale * scale) * line.a), b: f(scale * line.b) });
  });
  const again = stored(f(0.5 * f(sum.b / sum.a)), unit);
  const errorOf = (bits: number) => {
    const value = f(halfValue(bits) * unit);
    return f(value * costOf(sum, value));
  };
  if (errorOf(again) < errorOf(block.d)) block.d = again;
  return block;
}

/** Step 1. */
function searchAlone(format: GridFormat, group: readonly Eight[]): Line & { readonly scale: number } {
  const { levels, shells } = format;
  const largest = group.reduce((most, eight) => max(most, eight.largest), 0);
  let best = { a: 0, b: 0, scale: 0 };
  if (largest === 0) return best;
  let most = 0;
  for (const part of TRIALS) {
    const scale = f(largest * f(part / levels.at(-1)!));
    let line: Line = { a: 0, b: 0 };
    for (const { variants } of group) line = plus(line, choose(format, variants[0]!, scale, shells).line);
    const gain = line.b > 0 ? f(line.b * f(line.b / line.a)) : 0;
    if (gain <= most) continue;
    most = gain;
    best = { ...line, scale: f(0.5 * f(line.b / line.a)) };
  }
  return best;
}

/** Step 2. */
function chooseD(alone: readonly (Line & { readonly scale: number })[], largest: number): number {
  let d = 0;
  let least = Number.POSITIVE_INFINITY;
  for (const top of TOPS) {
    const tried = f(largest / top);
    let sum = 0;
    for (const line of alone) {
      const code = nearestInt(f(f(line.scale * f(1 / tried)) - 0.5));
      const scale = f(tried * (max(0, min(15, code)) + 0.5));
      sum = f(sum + f(scale * costOf(line, scale)));
    }
    if (sum >= least) continue;
    least = sum;
    d = tried;
  }
  return d;
}

/** Step 3: the scales `from` to `from` + 3. */
function searchGroup(format: GridFormat, group: readonly Eight[], d: number, from: number, shells: number) {
  let best = { code: from, line: { a: 0, b: 0 }, choices: [] as readonly Choice[] };
  let least = Number.POSITIVE_INFINITY;
  for (let code = from; code < from + STEPS; code++) {
    const scale = f(d * (code + 0.5));
    const choices = group.map(({ variants }) =>
      variants
        .map((variant) => choose(format, variant, scale, shells))
        .reduce((one, other) => (costOf(other.line, scale) < costOf(one.line, scale) ? other : one)),
    );
    const line = choices.reduce((all, choice) => plus(all, choice.line), { a: 0, b: 0 });
    const error = f(scale * costOf(line, scale));
    if (error >= least) continue;
    least = error;
    best = { code, line, choices };
  }
  return best;
}

/** Bits of the float16 next to d / unit, neither zero nor Inf. */
const stored = (d: number, unit: number): number => max(1, min(0x7bff, halfBits(f(d / unit))));
