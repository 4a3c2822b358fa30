import type { BlockLayout } from './affine.ref.ts';
import { finiteScale, TINY } from './fit-affine.ref.ts';
import { nearestEven } from './quantize-affine.ref.ts';

/**
 * Chooses scales for levels that lie mirrored around real 0, mid-rise and dead zone: the readable twin of
 * assembly/fit-centred.ts, equal to it bit for bit. Every step is one float32 operation, sums run in order of the
 * values.
 */

const f = Math.fround;

/** The levels of a block, and where and how hard to look for their scale. Numbers count as float32. */
export interface CentredSpec {
  readonly shape: 'rise' | 'dead-zone';
  /** The outermost cell at each side, the innermost one being 0. */
  readonly top: number;
  /** Dead zone: by how many steps the cell of 0 reaches further out than half a step, at most half; else 0. */
  readonly margin: number;
  /** The least outermost level that is looked for, in mean magnitudes of the block; of a dead zone, without its zeros. */
  readonly narrowest: number;
  /** The greatest one, as a part of the largest magnitude. */
  readonly widest: number;
  /** Four scales each, the full range first; 0: the full range alone. */
  readonly rounds: number;
  /** Then so many times four more around the best, each time four times as close. */
  readonly looks: number;
  /** Least-squares passes from the best scale. */
  readonly passes: number;
}

/** The window is at least this wide: its ends are this ratio apart. */
const NARROW = f(0.8);
/** The least part of the full range that is tried, and the least scale that a fit may give, for blocks of magnitude 1. */
const LEAST_PART = 2 ** -10;
const LEAST_SCALE = 2 ** -16;

/** Squared errors up to here, for blocks of magnitude 1, are those of float32 itself and count alike. */
const EXACT = 2 ** -40;

/** Outermost level, in steps. */
export function centredReach({ shape, top, margin }: CentredSpec): number {
  return f(top + (shape === 'rise' ? 0.5 : f(margin)));
}

/** The level of a magnitude of `steps` steps. */
function levelOf(steps: number, { shape, top, margin }: CentredSpec): number {
  if (shape === 'rise') return f(Math.min(top, Math.floor(steps)) + 0.5);
  const cell = Math.min(top, nearestEven(f(steps - f(margin))));
  return f(cell + Math.min(cell, f(margin)));
}

/** Squared error of the magnitudes under a scale. */
function errorUnder(
  x: Float32Array, // [n], divided by the largest
  weights: Float32Array | undefined, // [n]
  scale: number,
  spec: CentredSpec,
): number {
  const inverse = f(1 / scale);
  let dd = 0;
  for (let i = 0; i < x.length; i++) {
    const steps = f(x[i]! * inverse);
    const d = f(steps - levelOf(steps, spec));
    const square = f(d * d);
    dd = f(dd + (weights ? f(weights[i]! * square) : square));
  }
  return Math.max(EXACT, f(dd * f(scale * scale)));
}

/** The same, and the scale that fits the levels chosen best: s (1 + sum ld / sum ll), d the rounding errors in steps. */
function fitted(
  x: Float32Array,
  weights: Float32Array | undefined,
  scale: number,
  spec: CentredSpec,
): { error: number; scale: number } {
  const inverse = f(1 / scale);
  let [dd, ld, ll] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    const steps = f(x[i]! * inverse);
    const level = levelOf(steps, spec);
    const d = f(steps - level);
    const square = f(d * d);
    dd = f(dd + (weights ? f(weights[i]! * square) : square));
    ld = f(ld + f(level * (weights ? f(weights[i]! * d) : d)));
    ll = f(ll + f(level * (weights ? f(weights[i]! * level) : level)));
  }
  return { error: Math.max(EXACT, f(dd * f(scale * scale))), scale: f(f(1 + f(ld / ll)) * scale) };
}

/**
 * The scale of one block; `values`, `weights`: [n].
 *
 * 1. Outermost levels between `narrowest` mean magnitudes and `widest` of the largest one, each the same ratio q
 *    from the next. How many mean magnitudes lie inside the best range hardly depends on the distribution, so a few
 *    candidates do; the full range is the one to beat.
 * 2. Four more around the best, q^(1/2) and q^(1/4) away; where asked, again with q^(1/4) in place of q.
 * 3. The scale that fits the levels of the best in least squares, Lloyd's iteration. In mid-rise the nearest level is
 *    the one chosen, so a fit is never worse; in a dead zone it may be, and counts only once it was measured.
 */
export function fitCentredBlockRef(
  values: Float32Array,
  weights: Float32Array | undefined,
  spec: CentredSpec,
): number {
  const x = values.map(Math.abs);
  let largest = 0;
  for (const v of x) if (v > largest) largest = v;
  if (largest < TINY) return 1;
  let [sum, count] = [0, 0];
  for (let i = 0; i < x.length; i++) {
    x[i] = f(x[i]! / largest);
    sum = f(sum + (weights ? f(weights[i]! * x[i]!) : x[i]!));
    if (spec.shape === 'rise' || x[i]! > 0) count = f(count + (weights ? weights[i]! : 1));
  }

  const reach = centredReach(spec);
  const full = f(1 / reach);
  let best = full;
  let least = Number.POSITIVE_INFINITY;
  if (spec.rounds > 0) {
    const attempt = (scale: number) => {
      const error = errorUnder(x, weights, scale, spec);
      if (error < least) [best, least] = [scale, error];
    };
    const [narrowest, widest] = [f(spec.narrowest), f(spec.widest)];
    const wanted = f(f(narrowest * f(sum / count)) / widest);
    // NaN, from weights of 0, is the least part.
    const ratio = wanted > LEAST_PART ? Math.min(NARROW, wanted) : LEAST_PART;
    const quarter = f(Math.sqrt(f(Math.sqrt(ratio))));
    const q = f(Math.sqrt(quarter));
    attempt(full);
    let scale = f(full * widest);
    for (let k = 1; k < 4 * spec.rounds; k++, scale = f(scale * q)) attempt(scale);
    for (let look = 0, step = q; look < spec.looks; look++) {
      const half = f(Math.sqrt(step));
      const fourth = f(Math.sqrt(half));
      const centre = best;
      for (const near of [f(centre / half), f(centre / fourth), f(centre * fourth), f(centre * half)])
        attempt(near);
      step = fourth;
    }
  }
  let scale = best;
  for (let pass = 0; pass < spec.passes; pass++) {
    const fit = fitted(x, weights, scale, spec);
    if (fit.error < least) [best, least] = [scale, fit.error];
    scale = fit.scale > LEAST_SCALE ? fit.scale : best;
  }
  if (spec.shape === 'rise' && least > EXACT) best = scale;
  // The full range as min-max has it.
  return finiteScale(best === full ? f(largest / reach) : f(largest * best), Math.max(1, reach));
}

/** Blocks to scales of mirrored levels. */
export interface CentredKernel {
  /** `scale`: [rows, ceil(length / block)], written. `values`, `weights`: [rows, length], finite. */
  fit(
    values: Float32Array,
    weights: Float32Array | undefined,
    layout: BlockLayout,
    spec: CentredSpec,
    scale: Float32Array,
  ): void;
}

/** The readable twin of assembly/fit-centred.ts. */
export const centredReference: CentredKernel = {
  fit(values, weights, { rows, length, block }, spec, scale) {
    let at = 0;
    for (let row = 0; row < rows; row++) {
      for (let start = 0; start < length; start += block) {
        const from = row * length + start;
        const to = row * length + Math.min(start + block, length);
        scale[at++] = fitCentredBlockRef(values.subarray(from, to), weights?.subarray(from, to), spec);
      }
    }
  },
};
