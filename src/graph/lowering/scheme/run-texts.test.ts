import { expect, test } from 'vitest';
import { kernelsOf } from '../../../../test/lowering-harness.ts';
import { oneNode, randomTensor } from '../../../../test/one-node.ts';
import {
  type FormatName,
  formatMenu,
  formats,
  type NumberFormat,
  parseScheme,
  quantizeComposite,
  toFloat32,
} from '../../../numerics/index.ts';
import { LowbitError } from '../../../tensor/index.ts';
import { loadWeight } from '../../index.ts';
import { checkIndexable, lowerScheme, type SchemeQuantizer } from './lower-scheme.ts';
import type { SchemeCarrier } from './packed-products.ts';

/** What the menu says of who runs a format, held against what the lowering makes of it. */

const own = formatMenu().filter(({ name }) => Object.hasOwn(formats, name));
const rowOf = (name: string): NumberFormat => formats[name as FormatName];
const integers = own.filter(({ name }) => rowOf(name).family === 'integer');

const quantizer: SchemeQuantizer = async ({ weight, scheme }) =>
  quantizeComposite(toFloat32(await loadWeight(weight)), weight.dims, scheme);

/** Kernels of a product whose weight is in the format, after ONNX Runtime loaded it. */
async function kernels(name: string, carrier: SchemeCarrier) {
  const model = oneNode({ op: 'MatMul', fed: [0] }, randomTensor(1, 4, 64), randomTensor(2, 64, 24));
  await lowerScheme(model, { quantizer, request: parseScheme(`${name}/32`), carrier });
  return kernelsOf(model);
}

test('formats with more levels than an index of a byte are not said to run as weights', () => {
  const lowered = (name: string) => {
    try {
      checkIndexable(name as FormatName);
      return true;
    } catch (error) {
      if (error instanceof LowbitError && error.code === 'format/too-many-levels') return false;
      throw error;
    }
  };
  const wrong = own.filter(
    ({ name, runs }) => !lowered(name) && /Gather|decoded at load|MatMulNBits/.test(runs),
  );
  expect(wrong.map(({ name, runs }) => `${name}: ${runs}`)).toEqual([]);
  for (const { name, runs } of integers)
    expect(/files of lowbit only$/.test(runs), name).toBe(!lowered(name));
});

test.each(integers.filter(({ name }) => rowOf(name).bits <= 8))('$name: $runs', async ({ name, runs }) => {
  expect(await kernels(name, 'packed')).toEqual(
    runs.includes('MatMulNBits') ? { MatMulNBits: 1 } : { MatMul: 1 },
  );
  if (runs.includes('decoded at load')) expect(await kernels(name, 'auto')).toEqual({ MatMul: 1 });
  expect(runs).not.toContain('files of lowbit only');
});
