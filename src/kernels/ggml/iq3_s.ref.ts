import { points512x4 } from '../assembly/shared/grid-points.ts';
import { createGrid } from './grid.ref.ts';
import { emptyGridBlock, type GridFormat } from './grid-format.ref.ts';
import { gridTwin } from './grid-twin.ref.ts';

const format: GridFormat = {
  grid: createGrid(points512x4, 4),
  levels: [1, 3, 5, 7, 9, 11, 13, 15],
  unit: 2,
  group: 32,
  evenSigns: false,
  shells: 3,
  bestShells: 4,
  slope: 1 / 2,
  below: 0.5,
  reference: {
    reach: 9,
    step: 0.2,
    spread: 2,
    weight: (x) => Math.fround(x * x),
    smallest: 2 ** -149,
    stretch: 1.033,
    again: 'all',
  },
};

/**
 * IQ3_S: four magnitudes at a time from a grid of 512 points, free signs, 4-bit scales of 32 values. 110 bytes: d as
 * float16, the low 8 bits of 64 indices, their ninth bits, 256 signs, 8 scales. ggml leaves out the indices and signs
 * of a group that is all zero and moves those of later groups up, where its decoder does not look for them: the
 * reference bytes are like that, those of `best` are not. Source: ggml-common.h, block_iq3_s (llama.cpp v0.5.0).
 */
export const iq3_s = gridTwin(format, {
  bytes: 110,
  pack({ d, scales, codes, signs, left }, bytes, view) {
    view.setUint16(0, d, true);
    for (let g = 0, at = 0; g < 8; g++) {
      bytes[106 + (g >> 1)]! |= scales[g]! << (4 * (g & 1));
      if (left[g]) continue;
      for (let k = 0; k < 8; k++) {
        const index = format.grid.indexOf[codes[8 * g + k]!]!;
        bytes[2 + 8 * at + k] = index & 255;
        bytes[66 + g]! |= (index >> 8) << k;
      }
      bytes.set(signs.subarray(4 * g, 4 * g + 4), 74 + 4 * at);
      at++;
    }
  },
  unpack(bytes, view) {
    const block = emptyGridBlock(format);
    block.d = view.getUint16(0, true);
    for (let k = 0; k < 64; k++) {
      const high = (bytes[66 + (k >> 3)]! >> (k & 7)) & 1;
      block.codes[k] = format.grid.codes[bytes[2 + k]! | (high << 8)]!;
    }
    block.signs.set(bytes.subarray(74, 106));
    for (let g = 0; g < 8; g++) block.scales[g] = (bytes[106 + (g >> 1)]! >> (4 * (g & 1))) & 15;
    return block;
  },
});
