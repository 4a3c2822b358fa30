import { kernelsNow } from '../kernels/index.ts';
import type { Codes } from './quantized-tensor.ts';

/**
 * Packs codes of 2, 4 (or 1, or 8) bits into bytes, low bits first; the unused bits of the last byte are 0.
 * Signed codes are stored as two's complement of `bits`. packBits([1, 2, 3], 4) is [0x21, 0x03].
 */
export function packBits(codes: ArrayLike<number>, bits: 1 | 2 | 4 | 8): Uint8Array {
  const perByte = 8 / bits;
  const mask = (1 << bits) - 1;
  const bytes = new Uint8Array(Math.ceil(codes.length / perByte));
  const whole = Math.floor(codes.length / perByte);
  if (bits === 4 && (codes instanceof Uint8Array || codes instanceof Int8Array)) {
    kernelsNow().convert.packNibbles(codes, bytes);
    return bytes;
  }
  for (let i = 0; i < whole; i++) {
    let byte = 0;
    for (let k = 0; k < perByte; k++) byte |= (codes[i * perByte + k]! & mask) << (k * bits);
    bytes[i] = byte;
  }
  for (let i = whole * perByte; i < codes.length; i++) {
    bytes[whole]! |= (codes[i]! & mask) << ((i - whole * perByte) * bits);
  }
  return bytes;
}

/** The inverse of `packBits`: `count` codes, sign-extended into an Int8Array when `signed`. */
export function unpackBits(bytes: Uint8Array, bits: 1 | 2 | 4 | 8, count: number, signed: true): Int8Array;
export function unpackBits(bytes: Uint8Array, bits: 1 | 2 | 4 | 8, count: number, signed?: boolean): Codes;
export function unpackBits(bytes: Uint8Array, bits: 1 | 2 | 4 | 8, count: number, signed = false): Codes {
  const mask = (1 << bits) - 1;
  const indexShift = { 1: 3, 2: 2, 4: 1, 8: 0 }[bits];
  const indexMask = (1 << indexShift) - 1;
  if (!signed) {
    const codes = new Uint8Array(count);
    for (let i = 0; i < count; i++) codes[i] = (bytes[i >> indexShift]! >> ((i & indexMask) * bits)) & mask;
    return codes;
  }
  const codes = new Int8Array(count);
  const lift = 32 - bits;
  for (let i = 0; i < count; i++) {
    codes[i] = ((bytes[i >> indexShift]! >> ((i & indexMask) * bits)) << lift) >> lift;
  }
  return codes;
}
