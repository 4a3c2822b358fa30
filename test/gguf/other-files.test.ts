/** Files that are no GGUF model, damaged or of another kind: they are named for what they are. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compare, convert, inspect, quantize } from 'lowbit';
import { openFile, openFolder, readImatrix, writeImatrix } from 'lowbit/files';
import { formatWeights } from 'lowbit/report';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { syntheticLlama, writeModel } from '../../bench/synthetic-llama.ts';

const imatrix = join(import.meta.dirname, '../golden/imatrix/imatrix.gguf');
const glyphs = join(import.meta.dirname, '../../examples/glyphs/glyphs.onnx');

let folder: string;
const at = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lowbit-other-files-'));
  await writeModel(
    at('tiny.gguf'),
    syntheticLlama({ layers: 1, width: 256, ffn: 512, heads: 4, keyHeads: 2, vocabulary: 512 }),
  );
});
afterAll(() => rm(folder, { recursive: true }));

test('a damaged .gguf file is spoken of as GGUF, one of safetensors as that', async () => {
  await writeFile(at('damaged.gguf'), new Uint8Array(64));
  await expect(inspect(at('damaged.gguf'))).rejects.toMatchObject({ code: 'gguf/not-gguf' });
  await writeFile(at('cut.gguf'), (await readFile(at('tiny.gguf'))).subarray(0, 500_000));
  await expect(inspect(at('cut.gguf'))).rejects.toMatchObject({ code: 'gguf/truncated' });
  await writeFile(at('damaged.safetensors'), new Uint8Array(64));
  await expect(inspect(at('damaged.safetensors'))).rejects.toMatchObject({
    code: expect.stringMatching(/^safetensors\//),
  });
});

test('an importance matrix, in either format', async () => {
  const { source } = await openFile(imatrix);
  const read = await readImatrix(source);
  const sink = await (await openFolder(folder)).open('imatrix.dat');
  await writeImatrix(sink, read, 'dat');
  await sink.commit();
  const summaries = await Promise.all([imatrix, at('imatrix.dat')].map((path) => inspect(path)));
  const [gguf, legacy] = summaries;
  const { chunks, chunkSize, datasets, entries } = read;
  expect(gguf).toMatchObject({
    container: 'gguf',
    imatrix: { entries: entries.size, chunks, tokens: chunks * chunkSize, datasets },
  });
  expect(legacy).toMatchObject({
    container: 'imatrix',
    imatrix: { entries: entries.size, chunks, tokens: 0 },
  });
  const texts = summaries.map((summary) => (summary.container === 'onnx' ? '' : formatWeights(summary)));
  expect(texts.map((text) => text.split('\n')[1]!.trim())).toEqual([
    'kind          importance matrix (GGUF)',
    'kind          importance matrix (legacy .dat)',
  ]);
  expect(texts[0]).toContain(`computed on   ${chunks} chunks, ${chunks * chunkSize} tokens`);
  for (const model of [imatrix, at('imatrix.dat')]) {
    await expect(quantize({ model, to: 'gguf:Q8_0', output: at('x.gguf') })).rejects.toThrow(
      'cannot become a GGUF model: it is an importance matrix, not a model. Give the model, and this file with --imatrix.',
    );
  }
});

test('a vocabulary without weights', async () => {
  const path = join(import.meta.dirname, '../../../shared/assets/gguf-vocab/ggml-vocab-phi-3.gguf');
  const bytes = await readFile(path).catch(() => undefined);
  if (bytes === undefined) return;
  await expect(quantize({ model: path, to: 'gguf:Q8_0', output: at('x.gguf') })).rejects.toThrow(
    'cannot become a GGUF model: it holds a vocabulary and no weights. Give the file of the model itself.',
  );
});

test('ONNX, safetensors alone, and a folder without config.json', async () => {
  const made = (model: string) => convert({ model, to: 'gguf:F16', output: at('x.gguf') });
  await expect(made(glyphs)).rejects.toThrow('it is an ONNX graph, and a graph has no way back');
  const header = new TextEncoder().encode('{}      ');
  await writeFile(at('model.safetensors'), Uint8Array.of(8, 0, 0, 0, 0, 0, 0, 0, ...header));
  await expect(made(at('model.safetensors'))).rejects.toThrow(
    `it holds weights alone; config.json and the tokenizer lie beside it. Give the folder: ${folder}/.`,
  );
  await mkdir(at('bin'));
  await writeFile(at('bin/stories.bin'), 'x');
  await writeFile(at('bin/tokenizer.bin'), 'x');
  await expect(made(at('bin'))).rejects.toThrow('if it is the model, name the file itself: stories.bin.');
});

test('compare of GGUF files points at evaluate', async () => {
  await expect(compare({ models: ['a.gguf', 'b.gguf'] })).rejects.toThrow(
    "compare feeds ONNX models, and a.gguf is a GGUF file. Measure two of those by their perplexity: 'lowbit evaluate b.gguf --against a.gguf --data text.txt --metric perplexity'.",
  );
});

test('float32 metadata in its shortest digits', async () => {
  const summary = await inspect(at('tiny.gguf'));
  expect(summary.container === 'onnx' ? {} : summary.metadata).toMatchObject({
    'llama.attention.layer_norm_rms_epsilon': '0.00001',
  });
});
