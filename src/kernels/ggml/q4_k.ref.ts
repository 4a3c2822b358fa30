import {
  type KAffineFormat,
  packHalves,
  packSixBits,
  unpackHalves,
  unpackSixBits,
} from './k-affine-format.ref.ts';
import { kAffineTwin } from './k-affine-twin.ref.ts';

/** Where code i of a super-block is: groups go two by two, the second in the upper half of the bytes. */
const place = (i: number) => ({ byte: 16 + (i >> 6) * 32 + (i & 31), shift: (i >> 3) & 4 });

/**
 * Q4_K: 4-bit codes, 6-bit scales and minima of 8 groups of 32. Bytes: d, dmin, 12 of scales and minima, 128 of codes.
 * Source: ggml-quants.c, block_q4_K (llama.cpp v0.5.0).
 */
export const q4KFormat: KAffineFormat = {
  group: 32,
  top: 15,
  scaleTop: 63,
  bytes: 144,
  search: {
    plain: { first: -1, step: 0.1, steps: 20, absolute: false },
    weighted: { first: -0.9, step: 0.05, steps: 36, absolute: false },
    rms: true,
    variance: 2,
    limits: { plain: 63, weighted: 255 },
  },
  fit: {
    starts: [
      [15.1, 0.05],
      [15.25, 0.45],
      [15.45, 0],
      [14.3, 0.15],
      [15.55, 0.45],
      [15, -0.15],
      [15.2, -0.25],
      [14.1, -0.8],
      [15, 0.15],
      [14.1, -1.1],
      [15.75, 0.35],
      [13.6, 0.25],
    ],
    levelStep: 1,
    moves: [
      [0, 0],
      [1, 0],
      [-1, 0],
      [-1, 1],
      [1, -1],
    ],
  },
  pack(parameters, codes, out) {
    out.fill(0);
    packHalves(parameters, out, 0);
    packSixBits(parameters, out, 4);
    for (let i = 0; i < 256; i++) {
      const { byte, shift } = place(i);
      out[byte]! |= codes[i]! << shift;
    }
  },
  unpack(bytes, codes) {
    for (let i = 0; i < 256; i++) {
      const { byte, shift } = place(i);
      codes[i] = (bytes[byte]! >> shift) & 15;
    }
    return { ...unpackHalves(bytes, 0), ...unpackSixBits(bytes, 4) };
  },
};

/** Reads and writes Q4_K. */
export const q4_k = kAffineTwin(q4KFormat);
