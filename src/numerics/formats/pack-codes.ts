import { packBits, unpackBits } from '../pack-bits.ts';
import type { Codes } from '../quantized-tensor.ts';

/**
 * Packs codes of any 1 to 16 bits one after another, low bits first; the unused bits of the last byte are 0.
 * Signed codes are stored as two's complement of `bits`. Where 8 is a multiple of `bits` this is `packBits`.
 */
export function packCodes(codes: Codes, bits: number): Uint8Array {
  if (bits === 1 || bits === 2 || bits === 4 || bits === 8) return packBits(codes, bits);
  const bytes = new Uint8Array(Math.ceil((codes.length * bits) / 8));
  const mask = (1 << bits) - 1;
  let held = 0;
  let count = 0;
  let at = 0;
  for (const code of codes) {
    held |= (code & mask) << count;
    count += bits;
    for (; count >= 8; count -= 8) {
      bytes[at++] = held;
      held >>>= 8;
    }
  }
  if (count > 0) bytes[at] = held;
  return bytes;
}

/** The inverse of `packCodes`: `count` codes, sign-extended when `signed`. */
export function unpackCodes(bytes: Uint8Array, bits: number, count: number, signed: boolean): Codes {
  if (bits === 1 || bits === 2 || bits === 4 || bits === 8) return unpackBits(bytes, bits, count, signed);
  const Codes = bits > 8 ? (signed ? Int16Array : Uint16Array) : signed ? Int8Array : Uint8Array;
  const codes = new Codes(count);
  const mask = (1 << bits) - 1;
  const lift = signed ? 32 - bits : 0;
  let held = 0;
  let kept = 0;
  let at = 0;
  for (let i = 0; i < count; i++) {
    for (; kept < bits; kept += 8) held |= bytes[at++]! << kept;
    codes[i] = ((held & mask) << lift) >> lift;
    held >>>= bits;
    kept -= bits;
  }
  return codes;
}
