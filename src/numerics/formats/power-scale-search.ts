import type { AffineKernel } from '../../kernels/index.ts';
import type { Codes } from '../quantized-tensor.ts';
import { POWER_PARTS } from '../range-search/mse.ts';
import { overRange, searchedCells, type UniformGrid } from '../uniform-grid.ts';
import { eachBlock } from './each-block.ts';
import type { RowLayout } from './number-format.ts';

/**
 * What `mse` finds where scales are powers of two, for many blocks at once: each candidate is encoded and decoded by
 * kernels. The same parameters bit for bit: a level times a power of two is exact in float32, too.
 * Zero points are integers. `scale`, `zero`: [blocks], written.
 */
export function searchPowerScales(
  affine: AffineKernel,
  grid: UniformGrid,
  values: Float32Array, // [rows, length]
  importance: Float32Array | undefined, // [rows, length]
  layout: RowLayout,
  createCodes: (count: number) => Codes,
  scale: Float32Array,
  zero: Float32Array,
): void {
  const { codes: range, cells } = grid;
  const shift = cells.shape === 'rise' ? 0.5 : 0;
  const blocks = scale.length;
  const [lows, highs] = [new Float32Array(blocks), new Float32Array(blocks)];
  affine.extremes(values, layout, lows, highs);
  const [tried, triedZero] = [new Float32Array(blocks), new Float32Array(blocks)];
  const least = new Float64Array(blocks).fill(Number.POSITIVE_INFINITY);
  const codes = createCodes(values.length);
  const reals = new Float32Array(values.length);
  for (const part of POWER_PARTS) {
    for (let i = 0; i < blocks; i++) {
      const [min, max] = [Math.min(0, lows[i]!) * part, Math.max(0, highs[i]!) * part];
      const params = overRange(grid, { min, max });
      tried[i] = params.scale;
      triedZero[i] = params.zeroPoint;
    }
    affine.quantizeCells(values, layout, tried, triedZero, range, searchedCells(cells), 0, undefined, codes);
    const levelZero = shift === 0 ? triedZero : triedZero.map((z) => z - shift);
    affine.dequantize(codes, layout, tried, levelZero, cells.margin, reals);
    eachBlock(layout, (from, to, at) => {
      let error = 0;
      for (let i = from; i < to; i++) {
        const e = values[i]! - reals[i]!;
        error += e * e * (importance ? importance[i]! : 1);
      }
      if (error >= least[at]!) return;
      least[at] = error;
      scale[at] = tried[at]!;
      zero[at] = triedZero[at]!;
    });
  }
}
