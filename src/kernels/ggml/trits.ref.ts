import type { BlockTwin } from './block-twin.ts';
import { halfValue } from './half.ref.ts';
import { bestLevels, largestScale, levelRanges } from './level-search.ref.ts';

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** How a ternary type keeps 256 codes 0..2. */
export interface TritPacking {
  /** Bytes of codes; the float16 scale follows them. */
  readonly bytes: number;
  pack(codes: Uint8Array, out: Uint8Array): void;
  unpack(bytes: Uint8Array, codes: Uint8Array): void;
}

/** x = d · (code - 1), 256 values. Reference search takes the largest magnitude as d. */
export function tritTwin({ bytes, pack, unpack }: TritPacking): BlockTwin {
  const blockBytes = bytes + 2;
  return {
    encode(values, importance, search, out) {
      const codes = new Uint8Array(256);
      for (let at = 0, to = 0; at < values.length; at += 256, to += blockBytes) {
        const x = values.subarray(at, at + 256);
        const d =
          search === 'best'
            ? bestLevels(x, importance?.subarray(at, at + 256), levelRanges.ternary, codes)
            : largestScale(x, 1, codes);
        pack(codes, out.subarray(to, to + bytes));
        viewOf(out).setUint16(to + bytes, d, true);
      }
    },
    decode(encoded, out) {
      const codes = new Uint8Array(256);
      for (let at = 0, from = 0; at < out.length; at += 256, from += blockBytes) {
        const d = halfValue(viewOf(encoded).getUint16(from + bytes, true));
        unpack(encoded.subarray(from, from + bytes), codes);
        for (let i = 0; i < 256; i++) out[at + i] = (codes[i]! - 1) * d;
      }
    },
  };
}
