import * as web from 'onnxruntime-web';
import { describe, expect, test } from 'vitest';
import { compositeBits, formats, type NumberFormat } from '../../src/numerics/index.ts';
import { type Case, differentBits, roundTrips } from '../onnx-weights.ts';

/**
 * Every format of at most 8 bits, as an ONNX file: the weight that the engine computes from what is stored equals our
 * decode bit for bit. A format is tested by being in the table.
 */
const rows = Object.values<NumberFormat>(formats).filter(({ bits }) => bits <= 8);

/** Every granularity that a format takes, with groups and blocks that leave shorter ones. */
function casesOf({ name, block, scaled, bookSize, kind }: NumberFormat): Case[] {
  const product = { op: 'MatMul', dims: [40, 24] } as const;
  if (block !== 'free' || (!scaled && bookSize === 0)) {
    return [
      { ...product, text: name },
      { op: 'Gemm', dims: [24, 72], attributes: { transB: 1 }, text: name },
    ];
  }
  const where = ['tensor', 'channel', 'token', '16', '24', '16x8', '20x10'];
  const cases: Case[] = where.map((granularity) => ({ ...product, text: `${name}/${granularity}` }));
  cases.push({ op: 'Conv', dims: [12, 3, 3, 3], text: `${name}/channel` });
  if (kind === 'integer') {
    cases.push({ ...product, text: `${name}/16:asymmetric` });
    cases.push({ ...product, text: `${name}/channel:asymmetric,zero=real` });
  }
  return cases;
}

describe('ONNX Runtime makes of the stored parts what our decode makes', () => {
  test.each(rows.map((row) => [row.name, row] as const))('%s', async (_, row) => {
    const trips = await roundTrips(casesOf(row));
    expect(trips.filter((trip) => differentBits(trip) > 0).map(({ label }) => label)).toEqual([]);
  });
});

const operators: Omit<Case, 'text'>[] = [
  { op: 'MatMul', dims: [2, 24, 16] },
  { op: 'Gemm', dims: [24, 40] },
  { op: 'Gemm', dims: [24, 40], attributes: { transB: 1 } },
  { op: 'Conv', dims: [8, 5, 3, 3] },
  { op: 'ConvTranspose', dims: [6, 10, 3, 3] },
  { op: 'Gather', dims: [50, 20] },
  { op: 'LSTM', dims: [2, 32, 12] },
];
const schemes = [
  ...['nf4/16', 'nf4/channel', 'nf4/7x5', 'int5/16:asymmetric', 'kmeans3/channel', 'e4m3fn/tensor'],
  ...['vq2x4/7x5', 'vq4x4/16', 'vq4x6/tensor', 'mxfp4', 'nvfp4', 'binary/channel'],
  ...['nf4/16+double', 'int4/16:asymmetric+double', 'nf4/7x5+double', 'nf4/channel+double'],
  ...['nf4/16+outliers=1%', 'kmeans4/channel+outliers=3sd', 'int3/channel+columns=1', 'int2/16+lowrank=3'],
  'nf4/16+double+outliers=2%+lowrank=2',
  ...['int4/16:scale=float16', 'nf4/16:scale=bfloat16', 'int8/channel:pot', 'nf4/16:scale=float8e8m0'],
  ...['int3/16:asymmetric,scale=float8e4m3fn', 'int4/7x5:scale=float8e5m2'],
];

describe('every operator, every part of a scheme', () => {
  test.each(schemes)('%s', async (text) => {
    const trips = await roundTrips(operators.map((operator) => ({ ...operator, text })));
    expect(trips.filter((trip) => differentBits(trip) > 0).map(({ label }) => label)).toEqual([]);
  });

  test('the record counts every stored byte', async () => {
    const trips = await roundTrips(
      operators.slice(0, 3).flatMap((operator) => schemes.map((text) => ({ ...operator, text }))),
    );
    for (const { label, bytes, stored } of trips) {
      // Powers of two take one byte each here.
      if (stored.scheme.powerOfTwo) continue;
      // Each part fills its last byte, in every region of its own.
      const least = compositeBits(stored).total / 8;
      expect([label, bytes >= Math.floor(least) && bytes < least + 24]).toEqual([label, true]);
    }
  });

  test('the WebAssembly engine too', async () => {
    const cases = schemes.flatMap((text) => operators.slice(0, 4).map((operator) => ({ ...operator, text })));
    const trips = await roundTrips(cases, web.InferenceSession as never);
    expect(trips.filter((trip) => differentBits(trip) > 0).map(({ label }) => label)).toEqual([]);
  });
});
