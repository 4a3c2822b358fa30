import type { BlockTwin } from './block-twin.ts';
import { halfBits, halfValue } from './half.ref.ts';

const { fround, abs, max } = Math;

/** C's roundf: halves away from zero. */
const round = (x: number): number => (x < 0 ? -Math.floor(0.5 - x) : Math.floor(0.5 + x));

/**
 * Q8_0: x ≈ d · q, 32 values, d float16, q int8. d = max|x| / 127 and q = round(x / d): at 8 bits that is within
 * a hair of the best scale, so `best` is `reference`. Source: ggml-quants.c, quantize_row_q8_0_ref (llama.cpp v0.5.0).
 */
export const q8_0: BlockTwin = {
  encode(values, _importance, _search, out) {
    const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
    for (let at = 0, to = 0; at < values.length; at += 32, to += 34) {
      let largest = 0;
      for (let i = 0; i < 32; i++) largest = max(largest, abs(values[at + i]!));
      const d = fround(largest / 127);
      const inverse = d === 0 ? 0 : fround(1 / d);
      view.setUint16(to, halfBits(d), true);
      for (let i = 0; i < 32; i++) view.setInt8(to + 2 + i, round(fround(values[at + i]! * inverse)));
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
