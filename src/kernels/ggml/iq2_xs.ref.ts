import { points512x8 } from '../assembly/shared/grid-points.ts';
import { evenSigns } from './even-signs.ref.ts';
import { createGrid } from './grid.ref.ts';
import { emptyGridBlock, type GridFormat } from './grid-format.ref.ts';
import { gridTwin } from './grid-twin.ref.ts';

const format: GridFormat = {
  grid: createGrid(points512x8, 8),
  levels: [8, 25, 43],
  unit: 0.25,
  group: 16,
  evenSigns: true,
  shells: 2,
  bestShells: 2,
  slope: 1 / 17.5,
  below: 15.5 / 35,
  reference: {
    reach: 9,
    step: 0.1,
    spread: 1,
    weight: () => 1,
    smallest: 1e-15,
    stretch: 1,
    again: 'off-grid',
  },
};

/**
 * IQ2_XS: eight magnitudes at a time from a grid of 512 points, an even number of minus signs in eight, 4-bit scales
 * of 16 values. 74 bytes: d as float16, 32 words of 9 bits of index and 7 of sign, 16 scales. Wants importance.
 * Source: ggml-common.h, block_iq2_xs (llama.cpp v0.5.0).
 */
export const iq2_xs = gridTwin(format, {
  bytes: 74,
  pack({ d, scales, codes, signs }, bytes, view) {
    view.setUint16(0, d, true);
    codes.forEach((code, k) => {
      view.setUint16(2 + 2 * k, format.grid.indexOf[code]! | ((signs[k]! & 127) << 9), true);
    });
    for (let g = 0; g < 16; g++) bytes[66 + (g >> 1)]! |= scales[g]! << (4 * (g & 1));
  },
  unpack(bytes, view) {
    const block = emptyGridBlock(format);
    block.d = view.getUint16(0, true);
    for (let k = 0; k < 32; k++) {
      const word = view.getUint16(2 + 2 * k, true);
      block.codes[k] = format.grid.codes[word & 511]!;
      block.signs[k] = evenSigns(word >> 9);
    }
    for (let g = 0; g < 16; g++) block.scales[g] = (bytes[66 + (g >> 1)]! >> (4 * (g & 1))) & 15;
    return block;
  },
});
