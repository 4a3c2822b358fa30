import type { Codes } from '../../../numerics/index.ts';

/** Some bits of every code, stored together: 1, 2, 4 or 8 of them, so that whole codes fill a byte. */
export interface BitPlane {
  readonly bits: 1 | 2 | 4 | 8;
  /** Lowest bit of the codes that this plane holds. */
  readonly shift: number;
}

/**
 * Codes of 1 to 8 bits as planes of 4, 2 and 1 bits, lowest bits first: 5 bits are 4 and 1. So a file holds exactly
 * as many bits as the codes have, in the one type that every runtime indexes with.
 */
export function bitPlanes(bits: number): BitPlane[] {
  if (bits === 8) return [{ bits: 8, shift: 0 }];
  const planes: BitPlane[] = [];
  let shift = 0;
  for (const size of [4, 2, 1] as const) {
    if ((bits & size) === 0) continue;
    planes.push({ bits: size, shift });
    shift += size;
  }
  return planes;
}

/** Bytes of `count` codes in one plane. */
export const planeLength = (plane: BitPlane, count: number): number => Math.ceil((count * plane.bits) / 8);

/** Puts codes into a plane whose bytes are zero at first, low bits first; the first one is code `at` of the plane. */
export function putCodes(bytes: Uint8Array, { bits, shift }: BitPlane, at: number, codes: Codes): void {
  const perByte = 8 / bits;
  const mask = 2 ** bits - 1;
  for (let i = 0; i < codes.length; i++) {
    const index = at + i;
    bytes[Math.floor(index / perByte)]! |= ((codes[i]! >> shift) & mask) << ((index % perByte) * bits);
  }
}

/**
 * What every byte of a plane means: the parts of its codes, [256, codes of a byte]. The planes of a code add up to
 * it. `signed`: codes are two's complement of `codeBits`, so the highest bit counts below zero.
 * Codes of 8 bits need no table.
 */
export function planeTable({ bits, shift }: BitPlane, codeBits: number, signed: boolean): Int8Array {
  const perByte = 8 / bits;
  const highest = 2 ** (codeBits - 1);
  return Int8Array.from({ length: 256 * perByte }, (_, i) => {
    const byte = Math.floor(i / perByte);
    const part = ((byte >> ((i % perByte) * bits)) & (2 ** bits - 1)) << shift;
    return signed && (part & highest) !== 0 ? part - 2 * highest : part;
  });
}
