import type { BlockTwin } from './block-twin.ts';
import { halfValue } from './half.ref.ts';
import { bestLevels, largestScale, levelRanges } from './level-search.ref.ts';

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * Q2_0: x = d · (q - 1), 64 values, d float16, q 2 bits. Reference search takes the largest magnitude as d and so
 * never stores q = 3; best search uses it, and scales of both signs. Source of the layout: ggml-quants.c,
 * quantize_row_q2_0_ref (llama.cpp v0.5.0).
 */
export const q2_0: BlockTwin = {
  encode(values, importance, search, out) {
    const codes = new Uint8Array(64);
    out.fill(0);
    for (let at = 0, to = 0; at < values.length; at += 64, to += 18) {
      const x = values.subarray(at, at + 64);
      const d =
        search === 'best'
          ? bestLevels(x, importance?.subarray(at, at + 64), levelRanges.q2_0, codes)
          : largestScale(x, 0, codes);
      viewOf(out).setUint16(to, d, true);
      for (let i = 0; i < 64; i++) out[to + 2 + (i >> 2)]! |= codes[i]! << (2 * (i & 3));
    }
  },
  decode(bytes, out) {
    for (let at = 0, from = 0; at < out.length; at += 64, from += 18) {
      const d = halfValue(viewOf(bytes).getUint16(from, true));
      for (let i = 0; i < 64; i++)
        out[at + i] = (((bytes[from + 2 + (i >> 2)]! >> (2 * (i & 3))) & 3) - 1) * d;
    }
  },
};
