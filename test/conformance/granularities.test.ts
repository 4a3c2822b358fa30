import { describe, expect, test } from 'vitest';
import { bell } from '../../src/kernels/random-values.test-data.ts';
import {
  codeCount,
  dequantizeTensor,
  type FormatName,
  formats,
  type Granularity,
  type NumberFormat,
  perBlock,
  perChannel,
  perGroup,
  perTensor,
  perToken,
  quantizedBits,
  quantizeTensor,
  scaleCount,
} from '../../src/numerics/index.ts';

/**
 * Every format in every granularity: what `quantizeTensor` makes of a tensor is what the format makes of each block
 * alone, the block being gathered by its definition.
 */

const DIMS = [3, 5, 11];
const VALUES = bell(3 * 5 * 11, 77, 23);

const granularities: readonly Granularity[] = [
  perTensor,
  perToken,
  perChannel(0),
  perChannel(1),
  perChannel(2),
  perGroup(0, 2),
  perGroup(1, 4),
  perGroup(2, 8),
  perBlock(3, 8),
  perBlock(1, 5),
];

/** Books of vectors are learned slowly: fewer blocks, one granularity of each kind. */
const forVectors: readonly Granularity[] = [
  perTensor,
  perToken,
  perChannel(1),
  perGroup(2, 11),
  perBlock(3, 8),
];

/** Which block the value [a, b, c] belongs to. */
function blockOf(granularity: Granularity, index: readonly [number, number, number]): string {
  const [a, b, c] = index;
  switch (granularity.kind) {
    case 'per-tensor':
      return '';
    case 'per-token':
      return `${a},${b}`;
    case 'per-channel':
      return String(index[granularity.axis]);
    case 'per-group':
      return index
        .map((i, axis) => (axis === granularity.axis ? Math.floor(i / granularity.size) : i))
        .join();
    case 'per-block':
      return [a, Math.floor(b / granularity.size[0]), Math.floor(c / granularity.size[1])].join();
  }
}

/** Positions of each block, in the order of the tensor. */
function blocksOf(granularity: Granularity): number[][] {
  const blocks = new Map<string, number[]>();
  for (let at = 0; at < VALUES.length; at++) {
    const key = blockOf(granularity, [Math.floor(at / 55), Math.floor(at / 11) % 5, at % 11]);
    const block = blocks.get(key);
    if (block) block.push(at);
    else blocks.set(key, [at]);
  }
  return [...blocks.values()];
}

describe.each(Object.keys(formats) as FormatName[])('%s', (name) => {
  test('in every granularity', async () => {
    const format: NumberFormat = formats[name];
    const fits = (g: Granularity) =>
      format.block === 'free' || (g.kind === 'per-group' && g.size === format.block);
    const own: Granularity[] = format.block === 'free' ? [] : [perGroup(2, format.block)];
    const all = format.unit > 1 ? forVectors : granularities;
    for (const granularity of [...all, ...own].filter(fits)) {
      // Only integers have zero points.
      for (const symmetric of format.kind === 'integer' ? [true, false] : [true]) {
        const what = JSON.stringify({ name, granularity, symmetric });
        const q = await quantizeTensor(VALUES, DIMS, { format: name, granularity, symmetric });
        expect(q.scale.length, what).toBe(scaleCount(granularity, DIMS));
        const back = dequantizeTensor(q);
        const tensorScale = format.tensorScale?.(VALUES);
        const wanted = new Float32Array(VALUES.length);
        let units = 0;
        for (const block of blocksOf(granularity)) {
          const values = Float32Array.from(block, (at) => VALUES[at]!);
          const layout = { rows: 1, length: block.length, block: block.length };
          const choice = { symmetric, ...(tensorScale !== undefined && { tensorScale }) };
          const alone = format.decode(await format.encode(values, layout, undefined, choice), layout);
          for (const [i, at] of block.entries()) wanted[at] = alone[i]!;
          units += codeCount(layout, format.unit);
        }
        expect(back, what).toEqual(wanted);
        expect(q.codes.length, what).toBe(units);
        // Packed and unpacked, the codes are the same tensor.
        const codes = format.unpack(format.pack(q.codes), q.codes.length);
        expect(dequantizeTensor({ ...q, codes }), what).toEqual(back);
        expect(quantizedBits(q).codes, what).toBe(units * format.bits);
      }
    }
  });
});
