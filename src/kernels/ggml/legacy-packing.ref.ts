/**
 * How Q4_0, Q4_1, Q5_0 and Q5_1 keep the codes of a block of 32: byte j holds the low four bits of codes j and
 * j + 16; the fifth bits, if any, stand before them as one little-endian word.
 */

/** codes: [32], 0..15 or 0..31; to: where the codes of the block begin. */
export function packCodes(codes: Uint8Array, bits: 4 | 5, out: DataView, to: number): void {
  let at = to;
  if (bits === 5) {
    let high = 0;
    for (let i = 0; i < 32; i++) high |= (codes[i]! >> 4) << i;
    out.setUint32(at, high >>> 0, true);
    at += 4;
  }
  for (let j = 0; j < 16; j++) out.setUint8(at + j, (codes[j]! & 15) | ((codes[j + 16]! & 15) << 4));
}

/** The inverse of `packCodes`. */
export function unpackCodes(bytes: DataView, from: number, bits: 4 | 5, codes: Uint8Array): void {
  const high = bits === 5 ? bytes.getUint32(from, true) : 0;
  const low = from + (bits === 5 ? 4 : 0);
  for (let i = 0; i < 32; i++) {
    const byte = bytes.getUint8(low + (i & 15));
    codes[i] = ((byte >> (i < 16 ? 0 : 4)) & 15) | (((high >>> i) & 1) << 4);
  }
}
