import { points256x4 } from '../assembly/shared/grid-points.ts';
import { evenSigns } from './even-signs.ref.ts';
import { createGrid } from './grid.ref.ts';
import { emptyGridBlock, type GridFormat } from './grid-format.ref.ts';
import { gridTwin } from './grid-twin.ref.ts';

const format: GridFormat = {
  grid: createGrid(points256x4, 4),
  levels: [4, 12, 20, 28, 36, 44, 52, 62],
  unit: 0.5,
  group: 32,
  evenSigns: true,
  shells: 2,
  bestShells: 4,
  slope: 1 / 8,
  below: 0.5,
  reference: {
    reach: 15,
    step: 0.2,
    spread: 2,
    weight: (x) => Math.fround(x * x),
    smallest: 1e-8,
    stretch: 1.0125,
    again: 'off-grid',
  },
};

/**
 * IQ3_XXS: four magnitudes at a time from a grid of 256 points, an even number of minus signs in eight, 4-bit scales
 * of 32 values. 98 bytes: d as float16, 64 indices, then 4 bytes for each 32 values: four times seven signs, and the
 * scale on top. Source: ggml-common.h, block_iq3_xxs (llama.cpp v0.5.0).
 */
export const iq3_xxs = gridTwin(format, {
  bytes: 98,
  pack({ d, scales, codes, signs }, bytes, view) {
    view.setUint16(0, d, true);
    codes.forEach((code, k) => {
      bytes[2 + k] = format.grid.indexOf[code]!;
    });
    for (let g = 0; g < 8; g++) {
      let word = scales[g]! << 28;
      for (let k = 0; k < 4; k++) word |= (signs[4 * g + k]! & 127) << (7 * k);
      view.setUint32(66 + 4 * g, word >>> 0, true);
    }
  },
  unpack(bytes, view) {
    const block = emptyGridBlock(format);
    block.d = view.getUint16(0, true);
    for (let k = 0; k < 64; k++) block.codes[k] = format.grid.codes[bytes[2 + k]!]!;
    for (let g = 0; g < 8; g++) {
      const word = view.getUint32(66 + 4 * g, true);
      block.scales[g] = word >>> 28;
      for (let k = 0; k < 4; k++) block.signs[4 * g + k] = evenSigns((word >>> (7 * k)) & 127);
    }
    return block;
  },
});
