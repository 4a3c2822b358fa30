import { type KAffineFormat, packHalves, unpackHalves } from './k-affine-format.ref.ts';
import { kAffineTwin } from './k-affine-twin.ref.ts';

/** Where code i of a super-block is: bits `shift` and above of a byte. */
const place = (i: number) => ({ byte: 16 + (i >> 7) * 32 + (i & 31), shift: ((i >> 5) & 3) * 2 });

/**
 * Q2_K: 2-bit codes, 4-bit scales and minima of 16 groups of 16. Bytes: scale and minimum of each group (low and high
 * half), codes of four times 32 values a byte, d, dmin. Source: ggml-quants.c, block_q2_K (llama.cpp v0.5.0).
 */
export const q2KFormat: KAffineFormat = {
  group: 16,
  top: 3,
  scaleTop: 15,
  bytes: 84,
  search: {
    plain: { first: -0.5, step: 0.1, steps: 15, absolute: true },
    weighted: { first: -0.9, step: 0.05, steps: 36, absolute: false },
    rms: false,
    variance: 1,
    limits: { plain: 255, weighted: 255 },
  },
  fit: {
    starts: [
      [3.8, 0.45],
      [3.4, 0.45],
      [3.45, 0],
      [3.6, 0.15],
      [3.2, 0.45],
      [2.9, -0.15],
      [3.25, -0.2],
      [3.05, 0.1],
      [2.35, -0.85],
      [3.6, 0.45],
      [3.8, 0.35],
      [3, -0.45],
    ],
    levelStep: 0.5,
    moves: [
      [0, 0],
      [-1, 0],
      [1, 0],
      [-1, 1],
      [1, -1],
      [0, 1],
      [0, -1],
    ],
  },
  pack(parameters, codes, out) {
    out.fill(0);
    for (let g = 0; g < 16; g++) out[g] = parameters.scales[g]! | (parameters.minima[g]! << 4);
    for (let i = 0; i < 256; i++) {
      const { byte, shift } = place(i);
      out[byte]! |= codes[i]! << shift;
    }
    packHalves(parameters, out, 80);
  },
  unpack(bytes, codes) {
    for (let i = 0; i < 256; i++) {
      const { byte, shift } = place(i);
      codes[i] = (bytes[byte]! >> shift) & 3;
    }
    return {
      ...unpackHalves(bytes, 80),
      scales: Uint8Array.from({ length: 16 }, (_, g) => bytes[g]! & 15),
      minima: Uint8Array.from({ length: 16 }, (_, g) => bytes[g]! >> 4),
    };
  },
};

/** Reads and writes Q2_K. */
export const q2_k = kAffineTwin(q2KFormat);
