/** Options of GGUF files that would change nothing are refused or said. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { convert, type QuantizeOptions, quantize } from 'lowbit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { syntheticLlama, writeModel } from '../../bench/synthetic-llama.ts';

let folder: string;
let model: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lowbit-gguf-options-'));
  model = join(folder, 'tiny.f16.gguf');
  await writeModel(
    model,
    syntheticLlama({ layers: 1, width: 256, ffn: 512, heads: 4, keyHeads: 2, vocabulary: 512 }),
  );
});
afterAll(() => rm(folder, { recursive: true }));

const notesOf = async (options: Partial<QuantizeOptions> & Pick<QuantizeOptions, 'to'>) => {
  const record = await quantize({ model, output: join(folder, 'planned.gguf'), dryRun: true, ...options });
  return record.outputs.map(({ notes }) => notes);
};

test.each([
  [{ tensorTypes: { ffn: 'q8_0' } }, 'tensorTypes (--tensor-type)'],
  [{ pure: true }, 'pure (--pure)'],
  [{ imatrix: 'imatrix.gguf' }, 'imatrix (--imatrix)'],
  [{ outputTensorType: 'q8_0' }, 'outputTensorType (--output-tensor-type)'],
  [{ tokenEmbeddingType: 'q8_0' }, 'tokenEmbeddingType (--token-embedding-type)'],
] as const)('a plain copy refuses %j', async (options, named) => {
  const copied = convert({ model, to: 'gguf', output: join(folder, 'copy.gguf'), ...options });
  await expect(copied).rejects.toThrow(
    `${named}: 'gguf' keeps the type of every tensor; name a file type, such as gguf:Q8_0, or leave it out`,
  );
  expect(await readdir(folder)).toEqual(['tiny.f16.gguf']);
});

test('a pattern that names nothing is said, by each', async () => {
  const tensorTypes = { ffn_dwon: 'q8_0', ffn: 'q8_0', ffn_up: 'q5_k', attn_norm: 'q8_0' };
  expect(await notesOf({ to: ['gguf:Q4_K_M', 'gguf'], tensorTypes })).toEqual([
    [
      "--tensor-type 'ffn_dwon' matches no tensor.",
      "--tensor-type 'ffn_up' matches no tensor that an earlier pattern does not match: the first wins.",
      "--tensor-type 'attn_norm' matches tensor 'blk.0.attn_norm.weight' only, and that type is not for choice: it stays F32.",
    ],
    [],
  ]);
  expect(await notesOf({ to: 'gguf:F16', tensorTypes: { ffn: 'q8_0' } })).toEqual([
    ['--tensor-type changes nothing: gguf:F16 stores all matrices so, as in llama-quantize.'],
  ]);
});

test.each([
  ['500K', 500e3],
  ['1MB', 1e6],
  ['1MiB', 2 ** 20],
  ['1m', 1e6],
] as const)('parts of at most %s', async (splitMaxSize, most) => {
  const { outputs } = await convert({
    model,
    to: 'gguf',
    splitMaxSize,
    output: join(folder, 'x.gguf'),
    dryRun: true,
  });
  const sizes = outputs[0]!.gguf!.files.map(({ sizeBytes }) => sizeBytes);
  expect(sizes.length).toBeGreaterThan(1);
  // The header comes on top.
  expect(Math.max(...sizes.slice(1))).toBeLessThan(most + 4096);
});

test.each([
  ['Q4_K_M', "Unknown target 'Q4_K_M'. Did you mean 'gguf:Q4_K_M'? Known: gguf, gguf:<type>, lowbit, onnx,"],
  ['f16', "Unknown target 'f16'. Did you mean 'gguf:F16'?"],
  ['fp16', "Unknown target 'fp16'. Did you mean 'gguf:F16'?"],
  ['gg', "Unknown target 'gg'. Known: gguf"],
  [
    'int8',
    'to: int8 is made by quantize, and is no file to convert to; wanted gguf, gguf:<type>, lowbit, onnx or',
  ],
])('convert to %s', async (to, text) => {
  await expect(convert({ model, to, output: join(folder, 'x.gguf') })).rejects.toThrow(text);
});

test('quantize to a bare file type', async () => {
  const to = (name: string) => quantize({ model, to: name, output: join(folder, 'x.gguf') });
  await expect(to('q4_k_m')).rejects.toThrow("Unknown preset 'q4_k_m'. Did you mean 'gguf:Q4_K_M'?");
  await expect(to('f16')).rejects.toThrow("Unknown preset 'f16'. Did you mean 'fp16' or 'gguf:F16'?");
});
