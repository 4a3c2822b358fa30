import { halfBits, halfValue } from './half.ref.ts';
import type { SearchGrid } from './k-affine-search.ref.ts';

/** A super-block's parameters as stored: x ≈ d · scales[g] · code - dmin · minima[g]. */
export interface KAffineParameters {
  /** Value of a float16. */
  readonly d: number;
  /** Value of a float16. */
  readonly dmin: number;
  /** [groups] */
  readonly scales: Uint8Array;
  /** [groups] */
  readonly minima: Uint8Array;
}

/** A type of 256 values with a scale and a minimum per group. */
export interface KAffineFormat {
  /** Values of a group. */
  readonly group: 16 | 32;
  /** Largest code. */
  readonly top: number;
  /** Largest stored scale and minimum. */
  readonly scaleTop: number;
  /** Bytes of a super-block. */
  readonly bytes: number;
  /** ggml's reference search, without and with importance. */
  readonly search: {
    readonly plain: SearchGrid;
    readonly weighted: SearchGrid;
    /** Without importance, weights are the group's rms + |x|; else |x|. */
    readonly rms: boolean;
    /** With importance, the weights hold this times the super-block's mean square. */
    readonly variance: number;
    /** Largest stored scale that is passed on to be packed. */
    readonly limits: { readonly plain: number; readonly weighted: number };
  };
  /** Best search. */
  readonly fit: {
    /** Starts of a group's fit: code = (x - min) · levels / range - shift, which stays in 0 .. top. */
    readonly starts: readonly (readonly [levels: number, shift: number])[];
    /** The steps in which d and dmin are tried: largest / (scaleTop + step · k), k = -10 .. 9. */
    readonly levelStep: number;
    /** Neighbours of a stored scale and minimum that are tried; the minimum moves as the scale wants, and by this. */
    readonly moves: readonly (readonly [scale: number, minimum: number])[];
  };
  /** Parameters and codes [256] to the bytes of a super-block. */
  pack(parameters: KAffineParameters, codes: Uint8Array, out: Uint8Array): void;
  /** The reverse; codes are written. */
  unpack(bytes: Uint8Array, codes: Uint8Array): KAffineParameters;
}

/** Values of a super-block. */
export const SUPER_BLOCK = 256;

/** d and dmin at `at`. */
export function packHalves({ d, dmin }: KAffineParameters, out: Uint8Array, at: number): void {
  const view = new DataView(out.buffer, out.byteOffset + at, 4);
  view.setUint16(0, halfBits(d), true);
  view.setUint16(2, halfBits(dmin), true);
}

export function unpackHalves(bytes: Uint8Array, at: number): { d: number; dmin: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 4);
  return { d: halfValue(view.getUint16(0, true)), dmin: halfValue(view.getUint16(2, true)) };
}

/** Eight scales and minima of 6 bits in 12 bytes: the last four leave their upper two bits with the first four. */
export function packSixBits({ scales, minima }: KAffineParameters, out: Uint8Array, at: number): void {
  for (let g = 0; g < 4; g++) {
    out[at + g] = scales[g]! | ((scales[g + 4]! >> 4) << 6);
    out[at + g + 4] = minima[g]! | ((minima[g + 4]! >> 4) << 6);
    out[at + g + 8] = (scales[g + 4]! & 15) | ((minima[g + 4]! & 15) << 4);
  }
}

export function unpackSixBits(bytes: Uint8Array, at: number): { scales: Uint8Array; minima: Uint8Array } {
  const scales = new Uint8Array(8);
  const minima = new Uint8Array(8);
  for (let g = 0; g < 4; g++) {
    const both = bytes[at + g + 8]!;
    scales[g] = bytes[at + g]! & 63;
    minima[g] = bytes[at + g + 4]! & 63;
    scales[g + 4] = (both & 15) | ((bytes[at + g]! >> 6) << 4);
    minima[g + 4] = (both >> 4) | ((bytes[at + g + 4]! >> 6) << 4);
  }
  return { scales, minima };
}
