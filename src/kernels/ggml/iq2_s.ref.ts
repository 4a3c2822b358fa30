import { points1024x8 } from '../assembly/shared/grid-points.ts';
import { createGrid } from './grid.ref.ts';
import { emptyGridBlock, type GridFormat } from './grid-format.ref.ts';
import { gridTwin } from './grid-twin.ref.ts';

const { fround: f } = Math;

const format: GridFormat = {
  grid: createGrid(points1024x8, 8),
  levels: [8, 25, 43],
  unit: 0.25,
  group: 16,
  evenSigns: false,
  shells: 1,
  bestShells: 2,
  slope: 1 / 17.5,
  below: 15.5 / 35,
  reference: {
    reach: 9,
    step: 0.1,
    spread: 2,
    weight: (x, variance) => f(f(0.25 * variance) + f(x * x)),
    smallest: 1e-8,
    stretch: 0.9875,
    again: 'off-grid',
  },
};

/**
 * IQ2_S: eight magnitudes at a time from a grid of 1024 points, free signs, 4-bit scales of 16 values. 82 bytes: d as
 * float16, the low 8 bits of 32 indices, 256 signs, the high 2 bits of the indices, 16 scales.
 * Source: ggml-common.h, block_iq2_s (llama.cpp v0.5.0).
 */
export const iq2_s = gridTwin(format, {
  bytes: 82,
  pack({ d, scales, codes, signs }, bytes, view) {
    view.setUint16(0, d, true);
    codes.forEach((code, k) => {
      const index = format.grid.indexOf[code]!;
      bytes[2 + k] = index & 255;
      bytes[66 + (k >> 2)]! |= (index >> 8) << (2 * (k & 3));
    });
    bytes.set(signs, 34);
    for (let g = 0; g < 16; g++) bytes[74 + (g >> 1)]! |= scales[g]! << (4 * (g & 1));
  },
  unpack(bytes, view) {
    const block = emptyGridBlock(format);
    block.d = view.getUint16(0, true);
    for (let k = 0; k < 32; k++) {
      const high = (bytes[66 + (k >> 2)]! >> (2 * (k & 3))) & 3;
      block.codes[k] = format.grid.codes[bytes[2 + k]! | (high << 8)]!;
    }
    block.signs.set(bytes.subarray(34, 66));
    for (let g = 0; g < 16; g++) block.scales[g] = (bytes[74 + (g >> 1)]! >> (4 * (g & 1))) & 15;
    return block;
  },
});
