/** ggml's search of IQ4_NL and IQ4_XS; the readable twin is ../../ggml/iq4-levels.ref.ts. A block is a lane. */
import { INVERSES, SUMS, sumsOfTwo, WEIGHTS } from './step-sums';
import { extremes } from './sub-blocks';

/** Bytes of four blocks of 32 values in lanes. */
// @ts-ignore: decorator
@inline export const GROUP: usize = 512;

/** Extremes, scales and what these take away. */
const EXTREMES: usize = memory.data(16, 16);
const SCALES: usize = memory.data(16, 16);
const GAINS: usize = memory.data(16, 16);

/** Weights of the group at `at`: x^2. */
export function setSquares(at: usize): void {
  for (const end = at + GROUP; at < end; at += 16) {
    const x = v128.load(at);
    v128.store(at, f32x4.mul(x, x), WEIGHTS);
  }
}

/** Weights from importance: times sqrt(the lanes of f32 [4] at meanSquares + x^2). */
export function scaleWeights(at: usize, meanSquares: usize): void {
  const meanSquare = v128.load(meanSquares);
  for (const end = at + GROUP; at < end; at += 16) {
    const x = v128.load(at);
    const root = f32x4.sqrt(f32x4.add(meanSquare, f32x4.mul(x, x)));
    v128.store(at, f32x4.mul(v128.load(at, WEIGHTS), root), WEIGHTS);
  }
}

// @ts-ignore: decorator
@inline function consider(sum: usize): void {
  const xl = v128.load(SUMS + sum);
  const ll = v128.load(SUMS + sum, 16);
  const best = v128.load(GAINS);
  const take = v128.and(f32x4.gt(ll, f32x4.splat(0)), f32x4.gt(f32x4.mul(xl, xl), f32x4.mul(best, ll)));
  const quotient = f32x4.div(xl, ll);
  v128.store(SCALES, v128.bitselect(quotient, v128.load(SCALES), take));
  v128.store(GAINS, v128.bitselect(f32x4.mul(quotient, xl), best, take));
}

/** f32 [4] at `to`: the scales that take away most of w x^2; 0 where all values are below 1e-15. */
export function searchScales(at: usize, to: usize): void {
  const m = extremes(at, GROUP);
  v128.store(EXTREMES, m);
  for (let step = -7; step <= 7; step += 2) {
    const b = f32x4.div(f32x4.splat(<f32>(step - 127)), m);
    v128.store(INVERSES, f32x4.div(f32x4.splat(<f32>(step - 128)), m));
    if (step == -7) {
      // The plain scale comes first.
      v128.store(INVERSES, f32x4.div(f32x4.splat(1), f32x4.div(m, f32x4.splat(127))));
    }
    v128.store(INVERSES, b, 16);
    sumsOfTwo(at, GROUP, 0, true);
    if (step == -7) {
      const xl = v128.load(SUMS);
      const ll = v128.load(SUMS, 16);
      const scale = v128.and(f32x4.div(xl, ll), f32x4.gt(ll, f32x4.splat(0)));
      v128.store(SCALES, scale);
      v128.store(GAINS, f32x4.mul(scale, xl));
    } else consider(0);
    consider(32);
  }
  const tiny = f32x4.lt(f32x4.abs(v128.load(EXTREMES)), f32x4.splat(1e-15));
  v128.store(to, v128.andnot(v128.load(SCALES), tiny));
}
