import type { BlockTwin } from './block-twin.ts';
import { halfBits, halfValue } from './half.ref.ts';
import { finiteHalf } from './legacy-scale.ref.ts';

const { fround: f, abs } = Math;
const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Mean magnitude: the best scale of signs; weighted by importance if there is some. */
function meanMagnitude(x: Float32Array, weight: Float32Array | undefined): number {
  const w = weight?.some((v) => v > 0) ? weight : undefined;
  let sum = 0;
  let total = 0;
  for (let i = 0; i < x.length; i++) {
    sum = f(sum + f((w?.[i] ?? 1) * abs(x[i]!)));
    total = f(total + (w?.[i] ?? 1));
  }
  return f(sum / total);
}

/**
 * Q1_0: x = ±d, 128 values, d float16, a bit for each sign (0 and -0 count as positive). Reference search does not
 * look at the importance. Source of the layout: ggml-quants.c, quantize_row_q1_0_ref (llama.cpp v0.5.0).
 */
export const q1_0: BlockTwin = {
  encode(values, importance, search, out) {
    const view = viewOf(out);
    for (let at = 0, to = 0; at < values.length; at += 128, to += 18) {
      const x = values.subarray(at, at + 128);
      const best = search === 'best';
      const d = meanMagnitude(x, best ? importance?.subarray(at, at + 128) : undefined);
      view.setUint16(to, halfBits(best ? finiteHalf(d) : d), true);
      for (let j = 0; j < 16; j++) {
        let byte = 0;
        for (let k = 0; k < 8; k++) if (x[8 * j + k]! >= 0) byte |= 1 << k;
        out[to + 2 + j] = byte;
      }
    }
  },
  decode(bytes, out) {
    for (let at = 0, from = 0; at < out.length; at += 128, from += 18) {
      const d = halfValue(viewOf(bytes).getUint16(from, true));
      for (let i = 0; i < 128; i++) out[at + i] = (bytes[from + 2 + (i >> 3)]! >> (i & 7)) & 1 ? d : -d;
    }
  },
};
