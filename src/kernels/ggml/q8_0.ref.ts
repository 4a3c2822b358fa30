import type { BlockTwin } from './block-twin.ts';
import { halfBits, halfValue } from './half.ref.ts';
import { bestScale, scaleFormats } from './legacy-scale.ref.ts';

const { fround, abs, max } = Math;

/** C's roundf: halves away from zero. */
const round = (x: number): number => (x < 0 ? -Math.floor(0.5 - x) : Math.floor(0.5 + x));

/**
 * Q8_0: x ≈ d · q, 32 values, d float16, q int8. Reference search takes d = max|x| / 127 and q = round(x / d). The
 * error of so many levels is nearly a matter of luck: best search draws several scales about as large, and keeps the
 * luckiest. Source: ggml-quants.c, quantize_row_q8_0_ref (llama.cpp v0.5.0).
 */
export const q8_0: BlockTwin = {
  encode(values, importance, search, out) {
    const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
    const codes = new Uint8Array(32);
    for (let at = 0, to = 0; at < values.length; at += 32, to += 34) {
      const x = values.subarray(at, at + 32);
      if (search === 'best') {
        view.setUint16(to, bestScale(x, importance?.subarray(at, at + 32), scaleFormats.q8_0, codes), true);
        for (let i = 0; i < 32; i++) view.setInt8(to + 2 + i, codes[i]! - 128);
        continue;
      }
      let largest = 0;
      for (const v of x) largest = max(largest, abs(v));
      const d = fround(largest / 127);
      const inverse = d === 0 ? 0 : fround(1 / d);
      view.setUint16(to, halfBits(d), true);
      for (let i = 0; i < 32; i++) view.setInt8(to + 2 + i, round(fround(x[i]! * inverse)));
    }
  },
  decode(bytes, out) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0, from = 0; at < out.length; at += 32, from += 34) {
      const d = halfValue(view.getUint16(from, true));
      for (let i = 0; i < 32; i++) out[at + i] = d * view.getInt8(from + 2 + i);
    }
  },
};
