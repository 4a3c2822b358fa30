import { elementCount } from '../tensor/index.ts';
import { codeCount } from './encoded-tiles.ts';
import { formats } from './formats/formats.ts';
import type { NumberFormat } from './formats/number-format.ts';
import { rowTiles } from './row-tiles.ts';
import type { Scheme } from './scheme.ts';

/** Codes of a whole tensor: one per value, or per unit of each block. */
export function totalCodes({ format, granularity }: Scheme, dims: readonly number[]): number {
  const { unit }: NumberFormat = formats[format];
  if (unit === 1) return elementCount(dims);
  let codes = 0;
  for (const { layout } of rowTiles(granularity, dims)) codes += codeCount(layout, unit);
  return codes;
}
