import type { Granularity } from '../../../numerics/index.ts';
import { elementCount } from '../../../tensor/index.ts';

/**
 * Blocks of one size, as they come when a tensor is visited in row order. The last group of an axis may be
 * shorter, blocks at the right and lower edge smaller: these are regions of their own.
 */
export interface Region {
  /** Number of blocks. */
  readonly blocks: number;
  /** Values of one block. */
  readonly size: number;
  /** The values in row order have this shape, [blocks x size] in all, ... */
  readonly view: readonly number[];
  /** ... and lie as the tensor does after this permutation; undefined where they do already. */
  readonly permutation: readonly number[] | undefined;
  /** Shape after the permutation, with axes joined: [outer, along, inner] or [batch, rows, columns]. */
  readonly box: readonly number[];
  /** Where its scales are among those of the tensor. */
  readonly scales: ScaleRange;
}

/** Some of the scales of a tensor, row-major over `scaleDims`. */
export interface ScaleRange {
  /** Shape of all scales. */
  readonly view: readonly number[];
  /** What is taken of each axis: [axis, from, to]. */
  readonly cuts: readonly (readonly [axis: number, from: number, to: number])[];
  /** Moves them into the order of the blocks; undefined where they are in it. */
  readonly permutation?: readonly number[];
}

/** A tensor as rows of regions: regions of a row are joined on axis 2 of their boxes (1 for groups), rows on axis 1. */
export interface Regions {
  /** [row][column]; one region where all blocks are equal. */
  readonly grid: readonly (readonly Region[])[];
  /** Axis on which the regions of one row are joined. */
  readonly joinAxis: 1 | 2;
  /** Which region the block belongs to: is its row of blocks the lower edge, is it the last, shorter one of its row. */
  regionOf(tileLength: number, blockLength: number): Region;
}

/** The regions of a tensor under a granularity. */
export function regionsOf(granularity: Granularity, dims: readonly number[]): Regions {
  const count = elementCount(dims);
  switch (granularity.kind) {
    case 'per-tensor':
      return single(plain(1, count));
    case 'per-token': {
      const length = dims.at(-1) ?? 1;
      return single(plain(count / length, length));
    }
    case 'per-channel': {
      const [outer, size, inner] = around(dims, granularity.axis);
      const view = [size, outer, inner];
      const moved = outer > 1 && size > 1;
      return single({
        blocks: size,
        size: outer * inner,
        view: moved ? view : [outer * size, inner],
        permutation: moved ? [1, 0, 2] : undefined,
        box: moved ? [outer, size, inner] : [outer * size, inner],
        scales: { view: [size], cuts: [] },
      });
    }
    case 'per-group':
      return groups(dims, granularity.axis, granularity.size);
    case 'per-block':
      return blocks(dims, granularity.size);
  }
}

const around = (dims: readonly number[], axis: number): [number, number, number] => [
  elementCount(dims.slice(0, axis)),
  dims[axis]!,
  elementCount(dims.slice(axis + 1)),
];

const plain = (blocks: number, size: number): Region => ({
  blocks,
  size,
  view: [blocks, size],
  permutation: undefined,
  box: [blocks, size],
  scales: { view: [blocks], cuts: [] },
});

const single = (region: Region): Regions => ({ grid: [[region]], joinAxis: 1, regionOf: () => region });

function groups(dims: readonly number[], axis: number, size: number): Regions {
  const [outer, length, inner] = around(dims, axis);
  const whole = Math.floor(length / size);
  const all = Math.ceil(length / size);
  const region = (first: number, count: number, width: number): Region => ({
    blocks: outer * inner * count,
    size: width,
    view: [outer, inner, count * width],
    permutation: inner > 1 && count * width > 1 ? [0, 2, 1] : undefined,
    box: [outer, count * width, inner],
    scales: {
      view: [outer, all, inner],
      cuts: count < all ? [[1, first, first + count]] : [],
      ...(inner > 1 && count > 1 && { permutation: [0, 2, 1] }),
    },
  });
  const full = whole > 0 ? region(0, whole, size) : undefined;
  const rest = length > whole * size ? region(whole, 1, length - whole * size) : undefined;
  return {
    grid: [[full, rest].filter((r) => r !== undefined)],
    joinAxis: 1,
    regionOf: (_, blockLength) => (blockLength === size ? full! : rest!),
  };
}

function blocks(dims: readonly number[], [height, width]: readonly [number, number]): Regions {
  const [R, C] = [dims.at(-2)!, dims.at(-1)!];
  const batch = elementCount(dims.slice(0, -2));
  const [down, across] = [Math.floor(R / height), Math.floor(C / width)];
  const view = [batch, Math.ceil(R / height), Math.ceil(C / width)];
  /** Blocks of [h, w]: `rows` of them from row `top` of blocks on, `columns` of them from `left` on. */
  const region = (top: number, rows: number, h: number, left: number, columns: number, w: number) =>
    rows * h * columns * w === 0
      ? undefined
      : {
          blocks: batch * rows * columns,
          size: h * w,
          view: [batch, rows, columns, h, w],
          permutation: columns > 1 && h > 1 ? [0, 1, 3, 2, 4] : undefined,
          box: [batch, rows * h, columns * w],
          scales: {
            view,
            cuts: [
              [1, top, top + rows],
              [2, left, left + columns],
            ] as const,
          },
        };
  const line = (top: number, rows: number, h: number): (Region | undefined)[] => [
    region(top, rows, h, 0, across, width),
    region(top, rows, h, across, 1, C - across * width),
  ];
  const [upper, lower] = [line(0, down, height), line(down, 1, R - down * height)];
  return {
    grid: [upper, lower].map((row) => row.filter((r) => r !== undefined)).filter((row) => row.length > 0),
    joinAxis: 2,
    regionOf(tileLength, blockLength) {
      const h = tileLength / C;
      return (h === height ? upper : lower)[blockLength === h * width ? 0 : 1]!;
    },
  };
}
