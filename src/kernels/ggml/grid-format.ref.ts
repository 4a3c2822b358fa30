import type { Grid } from './grid.ref.ts';

/**
 * A ggml type whose magnitudes come from a grid: x = ± d · unit · (scale + 1/2) · level. 256 values share d (float16),
 * a group of them a scale of 4 bits, and a point gives the levels of 4 or 8.
 */
export interface GridFormat {
  readonly grid: Grid;
  /** What each level decodes to. */
  readonly levels: readonly number[];
  readonly unit: number;
  /** Values that share a scale. */
  readonly group: 16 | 32;
  /** Of the signs of 8 values an even number is minus: seven are stored. */
  readonly evenSigns: boolean;
  /** How far ggml looks around a code that is no point; see `Grid.neighbours`. */
  readonly shells: number;
  /** How far `best` looks once d is known, where values differ in importance. */
  readonly bestShells: number;
  /** The line through the levels, as far as there is one: level = nearest(slope · x / scale - below). */
  readonly slope: number;
  readonly below: number;
  readonly reference: GridReference;
}

/** What ggml's searches of these types have of their own. */
export interface GridReference {
  /** The scales that are tried: largest / (largest level + i · step), |i| <= reach. */
  readonly reach: number;
  readonly step: number;
  /** How many mean squares of the block are added to x² under the root that an importance is multiplied by. */
  readonly spread: 1 | 2;
  /** Weight of a value where there is no importance; `variance` is the mean square times `spread`. */
  weight(x: number, variance: number): number;
  /** Groups whose largest magnitude is less than this are zero. */
  readonly smallest: number;
  /** What d is multiplied by at the end. */
  readonly stretch: number;
  /** The points that are searched again with the scale that was chosen. */
  readonly again: 'off-grid' | 'all' | 'always';
  /** A first scale, [group] each; the trials' largest is then that scale times the number of levels. */
  start?(magnitudes: Float32Array, weights: Float32Array): number;
}

/** A block's content before it is packed. */
export interface GridBlock {
  /** float16 bits of d. */
  d: number;
  /** [256 / group] 0 to 15 */
  readonly scales: Uint8Array;
  /** [256 / dimensions] codes of points of the grid */
  readonly codes: Uint16Array;
  /** [32] bit i: value i of these 8 is minus */
  readonly signs: Uint8Array;
  /** [256 / group] 1: ggml left the group out, for it is zero. */
  readonly left: Uint8Array;
}

export function emptyGridBlock({ group, grid }: GridFormat): GridBlock {
  return {
    d: 0,
    scales: new Uint8Array(256 / group),
    codes: new Uint16Array(256 / grid.dimensions),
    signs: new Uint8Array(32),
    left: new Uint8Array(256 / group),
  };
}
