import type { LevelKernel } from '../../kernels/index.ts';
import { eachBlock } from './each-block.ts';
import type { RowLayout } from './number-format.ts';

/** Parts of the full range that the search tries by default; the full range comes first and wins ties. */
const PARTS: readonly number[] = [1, ...Array.from({ length: 15 }, (_, i) => 1.2 - 0.05 * i)];
const REFINEMENTS = 2;

/** Levels to encode with and to come back to. */
export interface LevelCoder {
  /** Values over their scale to codes. */
  encode(
    kernel: LevelKernel,
    values: Float32Array,
    layout: RowLayout,
    scale: Float32Array,
    codes: Uint8Array,
  ): void;
  /** The reals of the codes at scale 1, [2^bits]. */
  table(): Float32Array;
  /** Parts of the full range that a search tries, 1 first. Default: from 1.2 down to 0.5. */
  readonly parts?: readonly number[];
}

/**
 * The scale of least (weighted) squared error for each block. Tries parts of the full range, then twice the scale
 * that fits the codes of the best one in least squares: s = sum(w x l) / sum(w l l), l the levels chosen.
 * `full`: the scales that cover every value, 0 for a block to leave alone. `stored`: a scale as it can be stored.
 */
export function leastErrorScales(
  kernel: LevelKernel,
  coder: LevelCoder,
  values: Float32Array, // [rows, length]
  layout: RowLayout,
  importance: Float32Array | undefined, // [rows, length]
  full: Float64Array, // [blocks]
  stored: (scale: number) => number,
): Float32Array {
  const blocks = full.length;
  const codes = new Uint8Array(values.length);
  const levels = new Float32Array(values.length);
  const ones = new Float32Array(blocks).fill(1);
  const scale = new Float32Array(blocks);
  const best = new Float32Array(blocks);
  const bestFit = new Float64Array(blocks);
  const least = new Float64Array(blocks).fill(Number.POSITIVE_INFINITY);

  const consider = (candidate: (at: number) => number) => {
    for (let at = 0; at < blocks; at++) {
      const wanted = full[at]! > 0 ? candidate(at) : 0;
      // A block without such a candidate tries its best once more, which changes nothing.
      scale[at] = wanted > 0 && Number.isFinite(wanted) ? stored(wanted) : best[at] || stored(full[at]!);
    }
    coder.encode(kernel, values, layout, scale, codes);
    kernel.decode(codes, layout, ones, coder.table(), levels);
    eachBlock(layout, (from, to, at) => {
      const step = scale[at]!;
      let [error, xl, ll] = [0, 0, 0];
      for (let i = from; i < to; i++) {
        const x = values[i]!;
        const l = levels[i]!;
        const w = importance ? importance[i]! : 1;
        const e = x - Math.fround(l * step);
        error += w * e * e;
        xl += w * x * l;
        ll += w * l * l;
      }
      if (error < least[at]!) {
        least[at] = error;
        best[at] = step;
        bestFit[at] = xl / ll;
      }
    });
  };

  for (const part of coder.parts ?? PARTS) consider((at) => full[at]! * part);
  for (let i = 0; i < REFINEMENTS; i++) consider((at) => bestFit[at]!);
  return best;
}
