import type { BlockTwin } from './block-twin.ts';
import { blockWeights, codeValue, nearestCode, packPairs, scaleError } from './e2m1.ref.ts';

const { fround, abs, max, min } = Math;

/** Unsigned E4M3, halved as the levels are doubled; 0x7f would be NaN and counts as 0. */
export function scaleOf(code: number): number {
  if (code === 0x7f) return 0;
  const exponent = (code >> 3) & 15;
  const fraction = code & 7;
  return exponent === 0 ? fraction * 2 ** -10 : (8 + fraction) * 2 ** (exponent - 11);
}

const scratch = new DataView(new ArrayBuffer(4));

/** ggml's rounding to unsigned E4M3: halves up, by the bit below the fraction; from 256 on it is 448. */
export function scaleCode(v: number): number {
  if (!(v > 0)) return 0;
  scratch.setFloat32(0, v);
  const bits = scratch.getUint32(0);
  const exponent = (bits >>> 23) - 120;
  if (exponent <= 0) return min(7, Math.trunc(fround(fround(v * 512) + 0.5)));
  // A fraction that rounds up to 8 moves on to the next exponent by itself.
  const code = (exponent << 3) + ((bits >>> 20) & 7) + ((bits >>> 19) & 1);
  return code < 0x78 ? code : 0x7e;
}

/** Best search tries the scales from three steps below to six above that of ggml. */
const BELOW = 3;
const ABOVE = 6;

/**
 * NVFP4: x = scale · E2M1, 64 values in four groups of 16 with an unsigned E4M3 scale each. Reference search takes
 * max|x| / 6; best search tries its neighbours. Source of the layout: ggml-quants.c, quantize_row_nvfp4_ref
 * (llama.cpp v0.5.0).
 */
export const nvfp4: BlockTwin = {
  encode(values, importance, search, out) {
    for (let at = 0, to = 0; at < values.length; at += 64, to += 36) {
      for (let group = 0; group < 4; group++) {
        const from = at + 16 * group;
        const x = values.subarray(from, from + 16);
        const largest = x.reduce((m, v) => max(m, abs(v)), 0);
        const first = scaleCode(fround(largest / 6));
        let code = first;
        if (search === 'best' && largest > 0) {
          const weights = blockWeights(importance, from, 16);
          let least = scaleError(x, weights, scaleOf(first));
          for (let other = max(0, first - BELOW); other <= min(0x7e, first + ABOVE); other++) {
            const error = scaleError(x, weights, scaleOf(other));
            if (error < least) {
              least = error;
              code = other;
            }
          }
        }
        out[to + group] = code;
        const d = scaleOf(code);
        packPairs(
          Uint8Array.from(x, (v) => nearestCode(v, d)),
          out,
          to + 4 + 8 * group,
        );
      }
    }
  },
  decode(bytes, out) {
    for (let at = 0, from = 0; at < out.length; at += 64, from += 36) {
      for (let i = 0; i < 64; i++) {
        const group = i >> 4;
        const byte = bytes[from + 4 + 8 * group + (i & 7)]!;
        out[at + i] = codeValue((byte >> (i & 8 ? 4 : 0)) & 15, scaleOf(bytes[from + group]!));
      }
    }
  },
};
