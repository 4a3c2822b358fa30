import { expect, test } from 'vitest';
import { elementCount } from '../tensor/index.ts';
import {
  type Granularity,
  perBlock,
  perChannel,
  perGroup,
  perTensor,
  perToken,
  scaleCount,
  scaleDims,
} from './index.ts';
import { rowTiles } from './row-tiles.ts';

/** By definition: at which place of the scales that of the value at `index` lies. */
function scaleIndex(granularity: Granularity, index: readonly number[]): readonly number[] {
  switch (granularity.kind) {
    case 'per-tensor':
      return [];
    case 'per-channel':
      return [index[granularity.axis]!];
    case 'per-group':
      return index.map((at, axis) => (axis === granularity.axis ? Math.floor(at / granularity.size) : at));
    case 'per-token':
      return index.slice(0, -1);
    case 'per-block': {
      const [height, width] = granularity.size;
      const rank = index.length;
      return index.map((at, axis) =>
        axis === rank - 1 ? Math.floor(at / width) : axis === rank - 2 ? Math.floor(at / height) : at,
      );
    }
  }
}

const flat = (index: readonly number[], dims: readonly number[]) =>
  index.reduce((at, i, axis) => at * dims[axis]! + i, 0);

function indexOf(at: number, dims: readonly number[]): number[] {
  const index = [...dims];
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    index[axis] = at % dims[axis]!;
    at = Math.floor(at / dims[axis]!);
  }
  return index;
}

const shapes: readonly (readonly number[])[] = [
  [1],
  [7],
  [1, 1],
  [5, 9],
  [9, 1],
  [1, 70],
  [3, 7, 5],
  [2, 1, 4, 11],
  [300, 257],
  [2, 130, 300],
  [33_000, 2],
];

const granularitiesOf = (dims: readonly number[]): Granularity[] => [
  perTensor,
  perToken,
  ...dims.flatMap((_, axis) => [perChannel(axis), perGroup(axis, 4), perGroup(axis, 1000)]),
  ...(dims.length < 2
    ? []
    : [
        perBlock(1, 1),
        perBlock(2, 3),
        perBlock(3, 1),
        perBlock(1, 4),
        perBlock(128, 128),
        perBlock(999, 999),
      ]),
];

test.each(shapes.map((dims) => ({ dims })))(
  'every value and scale of $dims is visited once, with the scale that is its own',
  ({ dims }) => {
    const count = elementCount(dims);
    const places = Float32Array.from({ length: count }, (_, i) => i);
    for (const granularity of granularitiesOf(dims)) {
      const what = JSON.stringify({ dims, granularity });
      const scales = scaleCount(granularity, dims);
      const ownDims = scaleDims(granularity, dims);
      const ownScale = (at: number) => flat(scaleIndex(granularity, indexOf(at, dims)), ownDims);
      const scalePlaces = Float32Array.from({ length: scales }, (_, i) => i);
      const seen = new Uint8Array(count);
      const seenScales = new Uint8Array(scales);
      const back = new Float32Array(count).fill(-1);
      const backBytes = new Uint8Array(count);
      const backScales = new Float32Array(scales).fill(-1);
      let wrong = 0;
      for (const tile of rowTiles(granularity, dims)) {
        const { rows, length, block } = tile.layout;
        const values = tile.gather(places);
        const own = tile.gatherScales(scalePlaces);
        if (values.length !== rows * length || own.length !== rows * Math.ceil(length / block)) wrong++;
        let at = 0;
        for (let row = 0; row < rows; row++) {
          for (let start = 0; start < length; start += block, at++) {
            seenScales[own[at]!]!++;
            for (let i = start; i < Math.min(start + block, length); i++) {
              const place = values[row * length + i]!;
              seen[place]!++;
              if (ownScale(place) !== own[at]) wrong++;
            }
          }
        }
        tile.scatter(values, back);
        tile.scatter(
          Uint8Array.from(values, (x) => x % 251),
          backBytes,
        );
        tile.scatterScales(own, backScales);
      }
      expect(wrong, what).toBe(0);
      expect(seen.every((times) => times === 1) && seenScales.every((times) => times === 1), what).toBe(true);
      expect(back.every((place, i) => place === i) && backScales.every((place, i) => place === i), what).toBe(
        true,
      );
      expect(
        backBytes.every((place, i) => place === i % 251),
        what,
      ).toBe(true);
    }
  },
);

test('tensors without values have no tiles, a scalar has one', () => {
  for (const dims of [[0], [0, 4], [4, 0], [2, 0, 3]])
    for (const granularity of granularitiesOf(dims)) expect([...rowTiles(granularity, dims)].length).toBe(0);
  for (const granularity of [perTensor, perToken]) {
    const [tile, ...more] = rowTiles(granularity, []);
    expect(more).toEqual([]);
    expect(tile!.layout).toEqual({ rows: 1, length: 1, block: 1 });
  }
});

test('blocks need two axes and a size', () => {
  const refusal = (granularity: Granularity, dims: readonly number[]) => {
    try {
      return [...rowTiles(granularity, dims)].length;
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(refusal(perBlock(2, 2), [4])).toMatchInlineSnapshot(
    `"Axis 1 of the scheme is not an axis of a tensor of shape [4]; wanted 0 to 0. Choose one of those, or per-tensor."`,
  );
  expect(refusal(perBlock(2, 0), [4, 4])).toMatchInlineSnapshot(
    `"Group size 0 of the scheme is not a positive integer. Use 32, 64 or 128."`,
  );
  expect(refusal(perBlock(1.5, 2), [4, 4])).toMatchInlineSnapshot(
    `"Group size 1.5 of the scheme is not a positive integer. Use 32, 64 or 128."`,
  );
});
