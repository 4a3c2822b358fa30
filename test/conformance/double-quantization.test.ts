import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { memorySource, openSafetensors, rowCountOf } from '../../src/files/index.ts';
import { decodeScales, dequantizeComposite, perGroup, quantizeComposite } from '../../src/numerics/index.ts';

/**
 * A whole nested quantization against what bitsandbytes 0.50.2 made of the same tensor
 * (test/golden/bitsandbytes/make.py): scales, the mean taken off, codes of the scales, codes of the values.
 */

const golden = resolve(import.meta.dirname, '../golden/bitsandbytes');
const facts = JSON.parse(await readFile(resolve(golden, 'quantized.json'), 'utf8')).cases;
const { tensors } = await openSafetensors(
  memorySource(new Uint8Array(await readFile(resolve(golden, 'quantized.safetensors'))), 'quantized'),
);

async function bytesOf(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const tensor = tensors.get(name)!;
  return new Uint8Array(await tensor.read(0, rowCountOf(tensor.shape)));
}

/** Stored as bfloat16: the upper halves of float32. */
async function input(): Promise<Float32Array> {
  const halves = new Uint16Array((await bytesOf('input')).buffer);
  return new Float32Array(Uint32Array.from(halves, (x) => x << 16).buffer);
}

test.each([
  ['nf4', 64],
  ['nf4', 128],
  ['fp4', 64],
  ['fp4', 128],
] as const)('%s in blocks of %i with nested statistics', async (format, block) => {
  const name = `${format}-${block}-nested`;
  const values = await input();
  const scheme = {
    format,
    symmetric: true,
    granularity: perGroup(0, block),
    double: { format: 'dynamic8', block: 256, removeMean: true },
  } as const;
  const q = await quantizeComposite(values, [values.length], scheme, { codes: 'first' });
  // torch adds float32 numbers up in an order of its own: its mean may be a last place off.
  expect(Math.abs(q.scales!.mean / facts[name].offset - 1)).toBeLessThanOrEqual(2 ** -23);
  expect(q.scales!.codes.codes).toEqual(await bytesOf(`${name}/weight.absmax`));
  const outer = new Float32Array((await bytesOf(`${name}/weight.nested_absmax`)).buffer);
  expect(q.scales!.codes.scale.length).toBe(outer.length);
  for (const [i, scale] of q.scales!.codes.scale.entries())
    expect(Math.abs(scale / outer[i]! - 1)).toBeLessThanOrEqual(2 ** -21);

  // With its own mean and second-level scales the reals are the same to the last bit.
  const theirs = decodeScales({
    mean: Math.fround(facts[name].offset),
    codes: { ...q.scales!.codes, scale: outer },
  });
  const reals = dequantizeComposite({ ...q, base: { ...q.base, scale: theirs } });
  if (format === 'nf4') {
    const packed = await bytesOf(`${name}/weight`);
    expect(
      Uint8Array.from(packed, (_, i) => (q.base.codes[2 * i]! << 4) | (q.base.codes[2 * i + 1] ?? 0)),
    ).toEqual(packed);
    expect(createHash('sha256').update(new Uint8Array(reals.buffer)).digest('hex')).toBe(
      facts[name].dequantizedSha256,
    );
  }

  // Codes chosen again under the decoded scales are nearer.
  const noise = (xs: Float32Array) => xs.reduce((sum, x, i) => sum + (x - values[i]!) ** 2, 0);
  const again = dequantizeComposite(await quantizeComposite(values, [values.length], scheme));
  expect(noise(again)).toBeLessThan(noise(reals));
});
