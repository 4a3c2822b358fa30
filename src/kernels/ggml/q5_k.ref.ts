import {
  type KAffineFormat,
  packHalves,
  packSixBits,
  unpackHalves,
  unpackSixBits,
} from './k-affine-format.ref.ts';
import { kAffineTwin } from './k-affine-twin.ref.ts';

/** Where code i of a super-block is: its lower four bits as in Q4_K, its fifth in bit `group` of a byte. */
const place = (i: number) => ({
  byte: 48 + (i >> 6) * 32 + (i & 31),
  shift: (i >> 3) & 4,
  fifth: 16 + (i & 31),
  group: i >> 5,
});

/**
 * Q5_K: 5-bit codes, 6-bit scales and minima of 8 groups of 32. Bytes: d, dmin, 12 of scales and minima, 32 of the
 * codes' fifth bits, 128 of the others. Source: ggml-quants.c, block_q5_K (llama.cpp v0.5.0).
 */
export const q5KFormat: KAffineFormat = {
  group: 32,
  top: 31,
  scaleTop: 63,
  bytes: 176,
  search: {
    plain: { first: -0.5, step: 0.1, steps: 15, absolute: false },
    weighted: { first: -0.9, step: 0.05, steps: 36, absolute: false },
    rms: true,
    variance: 2,
    limits: { plain: 63, weighted: 63 },
  },
  fit: {
    starts: [
      [31.4, 0.25],
      [30.4, 0.2],
      [31.2, 0.3],
      [31.2, -0.1],
      [29.6, -0.7],
      [30, 0.2],
      [30.05, -1.15],
      [30.75, -0.1],
      [31.2, -0.25],
      [31.2, 0],
      [31.25, 0.45],
      [29.85, -1.05],
    ],
    levelStep: 1,
    moves: [
      [0, 0],
      [1, 0],
      [-1, 0],
      [0, 3],
      [0, -3],
      [0, 2],
      [0, -2],
      [3, -1],
    ],
  },
  pack(parameters, codes, out) {
    out.fill(0);
    packHalves(parameters, out, 0);
    packSixBits(parameters, out, 4);
    for (let i = 0; i < 256; i++) {
      const { byte, shift, fifth, group } = place(i);
      out[byte]! |= (codes[i]! & 15) << shift;
      out[fifth]! |= (codes[i]! >> 4) << group;
    }
  },
  unpack(bytes, codes) {
    for (let i = 0; i < 256; i++) {
      const { byte, shift, fifth, group } = place(i);
      codes[i] = ((bytes[byte]! >> shift) & 15) | (((bytes[fifth]! >> group) & 1) << 4);
    }
    return { ...unpackHalves(bytes, 0), ...unpackSixBits(bytes, 4) };
  },
};

/** Reads and writes Q5_K. */
export const q5_k = kAffineTwin(q5KFormat);
