import { expect, test } from 'vitest';
import { bell } from '../../kernels/random-values.test-data.ts';
import { eachBlock } from '../formats/each-block.ts';
import {
  dequantizeTensor,
  type FormatName,
  formats,
  type Granularity,
  type NumberFormat,
  perBlock,
  perChannel,
  perGroup,
  perTensor,
  quantizeTensor,
  type Scheme,
} from '../index.ts';
import { codesByRound, roundAgain } from './round-again.ts';

const DIMS = [6, 35];
const VALUES = bell(210, 91, 53);
const ROUND_UP = Uint8Array.from({ length: 210 }, (_, i) => ((i * 7) % 3) & 1);
const free = Object.values<NumberFormat>(formats).filter(({ block }) => block === 'free');
const granularities: readonly Granularity[] = [perTensor, perChannel(1), perGroup(1, 16), perBlock(4, 9)];

/** What the scheme may say beside the format, where the format listens. */
const choices = (format: NumberFormat): Partial<Scheme>[] => [
  {},
  ...(format.kind === 'integer'
    ? [
        { symmetric: false },
        { reduced: true, restricted: true },
        { symmetric: false, zero: 'real' as const },
        { rounding: 'half-away' as const },
        { rounding: 'stochastic' as const, seed: 5 },
      ]
    : []),
];

test.each(free.map(({ name }) => name as FormatName))(
  '%s: under the scales that it has, codes are what they were',
  async (name) => {
    const format: NumberFormat = formats[name];
    for (const granularity of format.unit > 1 ? [perTensor, perBlock(4, 9)] : granularities) {
      for (const choice of choices(format)) {
        const scheme: Scheme = { format: name, symmetric: true, granularity, ...choice };
        const q = await quantizeTensor(VALUES, DIMS, scheme);
        const again = await roundAgain(VALUES, q, q.scale);
        expect(again.codes, JSON.stringify(scheme)).toEqual(q.codes);
        expect(dequantizeTensor(again)).toEqual(dequantizeTensor(q));
      }
    }
    if (!format.rounds) return;
    const scheme: Scheme = { format: name, symmetric: true, granularity: perChannel(1) };
    const masked = await quantizeTensor(VALUES, DIMS, scheme, { roundUp: ROUND_UP });
    expect((await roundAgain(VALUES, masked, masked.scale, ROUND_UP)).codes).toEqual(masked.codes);
  },
);

test('many values at once and one by one give the same codes under any scale', async () => {
  const layout = { rows: 6, length: 35, block: 16 };
  const fast = free.filter(({ encodeUnder }) => encodeUnder);
  expect(fast.length).toBeGreaterThan(40);
  for (const format of fast) {
    for (const choice of choices(format)) {
      const { codes: _, ...given } = await format.encode(VALUES, layout, undefined, choice);
      const scale = given.scale.map((x, i) => x * (0.4 + 0.3 * (i % 5)) * (i % 7 === 6 ? -1 : 1));
      const under = { ...given, scale };
      const slow = codesByRound(format, VALUES, layout, under, { ...choice, firstValue: 12 });
      const quick = await format.encodeUnder!(VALUES, layout, under, { ...choice, firstValue: 12 });
      expect(quick, `${format.name} ${JSON.stringify(choice)}`).toEqual(slow);
      expect(quick.constructor).toBe(format.createCodes(0).constructor);
    }
  }
});

test('a block of scale 0 becomes 0, its neighbours stay', async () => {
  for (const { name, hasZero } of free) {
    const format = name as FormatName;
    if (!formats[format].scaled) continue;
    const scheme: Scheme = { format, symmetric: true, granularity: perGroup(1, 5) };
    const q = await quantizeTensor(VALUES, DIMS, scheme);
    const scale = q.scale.map((x, i) => (i % 3 === 0 ? 0 : x));
    const again = await roundAgain(VALUES, q, scale);
    const [back, was] = [dequantizeTensor(again), dequantizeTensor(q)];
    let wrong = 0;
    eachBlock({ rows: 6, length: 35, block: 5 }, (from, to, at) => {
      for (let i = from; i < to; i++) if (Math.abs(back[i]! - (at % 3 === 0 ? 0 : was[i]!)) > 0) wrong++;
    });
    expect(wrong, `${name} ${hasZero}`).toBe(0);
  }
});
