import type { GridBlock, GridFormat } from './grid-format.ref.ts';
export function bestGridBlock(
  _f: GridFormat,
  _x: Float32Array,
  _w: Float32Array | undefined,
): GridBlock | undefined {
  return undefined;
}
