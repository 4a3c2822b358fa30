import { points256x8 } from '../assembly/shared/grid-points.ts';
import { evenSigns } from './even-signs.ref.ts';
import { createGrid } from './grid.ref.ts';
import { emptyGridBlock, type GridFormat } from './grid-format.ref.ts';
import { gridTwin } from './grid-twin.ref.ts';
import { positiveScale } from './positive-scale.ref.ts';

const format: GridFormat = {
  grid: createGrid(points256x8, 8),
  levels: [8, 25, 43],
  unit: 0.25,
  group: 32,
  evenSigns: true,
  shells: 2,
  bestShells: 2,
  slope: 1 / 17.5,
  below: 15.5 / 35,
  reference: {
    reach: 6,
    step: 0.1,
    spread: 1,
    weight: () => 1,
    smallest: 1e-15,
    stretch: 1,
    again: 'always',
    start: (magnitudes, weights) => positiveScale(magnitudes, weights, 4),
  },
};

/**
 * IQ2_XXS: eight magnitudes at a time from a grid of 256 points, an even number of minus signs in eight, 4-bit scales
 * of 32 values. 66 bytes: d as float16, then 8 bytes for each 32 values: four indices, four times seven signs, and
 * the scale on top. Wants importance. Source: ggml-common.h, block_iq2_xxs (llama.cpp v0.5.0).
 */
export const iq2_xxs = gridTwin(format, {
  bytes: 66,
  pack({ d, scales, codes, signs }, bytes, view) {
    view.setUint16(0, d, true);
    for (let g = 0; g < 8; g++) {
      let word = scales[g]! << 28;
      for (let k = 0; k < 4; k++) {
        bytes[2 + 8 * g + k] = format.grid.indexOf[codes[4 * g + k]!]!;
        word |= (signs[4 * g + k]! & 127) << (7 * k);
      }
      view.setUint32(6 + 8 * g, word >>> 0, true);
    }
  },
  unpack(bytes, view) {
    const block = emptyGridBlock(format);
    block.d = view.getUint16(0, true);
    for (let g = 0; g < 8; g++) {
      const word = view.getUint32(6 + 8 * g, true);
      block.scales[g] = word >>> 28;
      for (let k = 0; k < 4; k++) {
        block.codes[4 * g + k] = format.grid.codes[bytes[2 + 8 * g + k]!]!;
        block.signs[4 * g + k] = evenSigns((word >>> (7 * k)) & 127);
      }
    }
    return block;
  },
});
