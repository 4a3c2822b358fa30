import type { BlockTwin } from './block-twin.ts';
import { blockWeights, codeValue, nearestCode, packPairs, scaleError } from './e2m1.ref.ts';

const { fround, abs, max, min, floor, log2 } = Math;

/** Half of an E8M0 scale: 2^(e - 128), as the levels are doubled. */
const scaleOf = (e: number): number => 2 ** (e - 128);

/** ggml's: the largest value lands at 4 up to 8, of which 6 is the last; log2f rounds, and below 2^-125 the byte wraps. */
function referenceExponent(largest: number): number {
  return largest > 0 ? (floor(fround(log2(largest))) + 125) & 255 : 0;
}

/**
 * MXFP4: x = 2^(e - 127) · E2M1, 32 values, e a byte. Best search tries a power of two more, where 6 is no limit, and
 * one less. Source of the layout: ggml-quants.c, quantize_row_mxfp4_ref (llama.cpp v0.5.0); OCP Microscaling
 * Formats 1.0.
 */
export const mxfp4: BlockTwin = {
  encode(values, importance, search, out) {
    for (let at = 0, to = 0; at < values.length; at += 32, to += 17) {
      const x = values.subarray(at, at + 32);
      const largest = x.reduce((m, v) => max(m, abs(v)), 0);
      let e = referenceExponent(largest);
      if (search === 'best' && largest > 0) {
        const weights = blockWeights(importance, at, 32);
        // Without the rounding of log2f.
        const first = max(0, exponentOf(largest) + 125);
        e = first;
        let least = scaleError(x, weights, scaleOf(first));
        for (const other of [min(254, first + 1), max(0, first - 1)]) {
          const error = scaleError(x, weights, scaleOf(other));
          if (error < least) {
            least = error;
            e = other;
          }
        }
      }
      out[to] = e;
      const d = scaleOf(e);
      packPairs(
        Uint8Array.from(x, (v) => nearestCode(v, d)),
        out,
        to + 1,
      );
    }
  },
  decode(bytes, out) {
    for (let at = 0, from = 0; at < out.length; at += 32, from += 17) {
      const d = scaleOf(bytes[from]!);
      for (let i = 0; i < 32; i++)
        out[at + i] = codeValue((bytes[from + 1 + (i & 15)]! >> (i < 16 ? 0 : 4)) & 15, d);
    }
  },
};

/** floor(log2) without rounding: Math.log2 may round up just below a power of two. */
function exponentOf(v: number): number {
  const e = floor(log2(v));
  return v < 2 ** e ? e - 1 : e;
}
