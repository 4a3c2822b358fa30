import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { moeModel } from '../../../test/golden/imatrix/moe-model.ts';
import { elementCount } from '../../tensor/index.ts';
import type { Metadata } from '../gguf/gguf.ts';
import { writeGguf } from '../gguf/write-gguf.ts';
import { memoryFolder } from '../memory-folder.ts';
import { memorySource } from '../memory-source.ts';
import { memoryTensor } from '../memory-tensor.ts';
import type { TensorSource } from '../tensor-source.ts';
import type { Imatrix, ImatrixFormat } from './imatrix.ts';
import { readImatrix } from './read-imatrix.ts';
import { writeImatrix } from './write-imatrix.ts';

/** Held to files that llama-imatrix wrote, and to the weights that llama-quantize made of them. */

const golden = async (name: string) =>
  new Uint8Array(await readFile(join(resolve(import.meta.dirname, '../../../test/golden/imatrix'), name)));
const read = (bytes: Uint8Array, name = 'i') => readImatrix(memorySource(bytes, name));

async function bytesOf(imatrix: Imatrix, format: ImatrixFormat): Promise<Uint8Array> {
  const folder = memoryFolder();
  const sink = await folder.open('i');
  await writeImatrix(sink, imatrix, format);
  await sink.commit();
  return folder.files.get('i')!;
}

test('the weights are those of llama-quantize, from either format', async () => {
  const wanted = await golden('values.f32');
  for (const name of ['imatrix.gguf', 'imatrix.dat']) {
    const { entries } = await read(await golden(name));
    const values = [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, e]) => [...e.values]);
    expect(Buffer.compare(new Uint8Array(Float32Array.from(values).buffer), wanted), name).toBe(0);
  }
});

test('what a file says of itself, and experts that nothing reached', async () => {
  const imatrix = await read(await golden('imatrix.gguf'));
  expect(imatrix).toMatchObject({ format: 'gguf', datasets: ['moe.txt'], chunks: 8, chunkSize: 64 });
  const experts = imatrix.entries.get('blk.0.ffn_down_exps.weight')!;
  expect(experts).toMatchObject({ counts: [512, 0, 512, 0], matrices: 4 });
  expect(new Set(experts.values.subarray(32, 64))).toEqual(new Set([1]));
  expect(experts.values[0]).toBe(Math.fround(experts.sums[0]! / 512));
  const legacy = await read(await golden('imatrix.dat'));
  expect(legacy).toMatchObject({ format: 'dat', datasets: ['moe.txt'], chunks: 8, chunkSize: 0 });
  expect(legacy.entries.get('blk.0.ffn_down_exps.weight')).toMatchObject({ counts: [8], matrices: 1 });
});

test('every entry fits the tensor that it weighs', async () => {
  const { entries } = await read(await golden('imatrix.gguf'));
  const tensors = new Map(moeModel().tensors.map((t) => [t.name, t]));
  expect(entries.size).toBe(16);
  for (const [name, { values }] of entries) {
    const { shape } = tensors.get(name)!;
    expect(values.length, name).toBe(shape.at(-1)! * elementCount(shape.slice(0, -2)));
  }
});

test('read and written back, and turned into the other format: the bytes of llama-imatrix', async () => {
  const gguf = await golden('imatrix.gguf');
  const legacy = await golden('imatrix.dat');
  const cases = [
    [gguf, 'gguf', gguf],
    [legacy, 'dat', legacy],
    [gguf, 'dat', legacy],
    [legacy, 'gguf', await golden('merged.gguf')],
  ] as const;
  for (const [from, format, wanted] of cases) {
    expect(Buffer.compare(await bytesOf(await read(from), format), wanted), format).toBe(0);
  }
});

test('a legacy file of an old version ends after its entries', async () => {
  const bytes = await golden('imatrix.dat');
  const imatrix = await read(bytes.subarray(0, bytes.length - 8 - 'moe.txt'.length));
  expect(imatrix).toMatchObject({ datasets: [], chunks: 0 });
  expect(imatrix.entries.size).toBe(16);
});

const metadata: Metadata = new Map([
  ['imatrix.datasets', { type: 'array', of: 'string', value: [] }],
  ['imatrix.chunk_count', { type: 'uint32', value: 1 }],
  ['imatrix.chunk_size', { type: 'uint32', value: 512 }],
]);

async function gguf(tensors: readonly TensorSource[], keys: Metadata = metadata): Promise<Uint8Array> {
  const folder = memoryFolder();
  const sink = await folder.open('i');
  await writeGguf(sink, { metadata: keys, tensors });
  await sink.commit();
  return folder.files.get('i')!;
}

const floats = (name: string, values: readonly number[]) =>
  memoryTensor(name, [values.length], 'float32', new Uint8Array(Float32Array.from(values).buffer));
const legacy = (...parts: (number | string | readonly number[])[]) =>
  Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'string') return Buffer.from(part);
      if (typeof part === 'number') return Buffer.from(Int32Array.of(part).buffer);
      return Buffer.from(Float32Array.from(part).buffer);
    }),
  );

test('files that are no importance matrix, or a damaged one', async () => {
  const int32 = memoryTensor('a.counts', [1], 'int32', Uint8Array.of(1, 0, 0, 0));
  const files: Record<string, Uint8Array> = {
    'nothing at all': new Uint8Array(0),
    'a text': Buffer.from('hello, this is a text'),
    'a model': await gguf([floats('w', [1])], new Map()),
    'no chunk size': await gguf(
      [floats('a.in_sum2', [1]), floats('a.counts', [1])],
      new Map([...metadata].slice(0, 2)),
    ),
    'no tensors': await gguf([]),
    'sums alone': await gguf([floats('a.in_sum2', [1])]),
    'counts alone': await gguf([floats('a.counts', [1])]),
    'counts of integers': await gguf([floats('a.in_sum2', [1]), int32]),
    'sums that no count divides': await gguf([floats('a.in_sum2', [1, 2, 3]), floats('a.counts', [1, 1])]),
    'a negative count': await gguf([floats('a.in_sum2', [1]), floats('a.counts', [-2])]),
    'a count of NaN': await gguf([floats('a.in_sum2', [1]), floats('a.counts', [Number.NaN])]),
    'a sum of NaN': await gguf([floats('a.in_sum2', [1, Number.NaN]), floats('a.counts', [1])]),
    'no entries': legacy(0),
    'entries beyond the file': legacy(2 ** 31 - 1),
    'a long name': legacy(1, 2 ** 30, 'abc', 1, [1]),
    'a negative length': legacy(1, -4, 'abc', 1, 1, [1]),
    'a name that is no UTF-8': Buffer.concat([legacy(1, 1), Buffer.from([0xff]), legacy(1, 1, [1])]),
    'values beyond the file': legacy(1, 1, 'a', 1, 2 ** 30, [1]),
    'no values': legacy(1, 1, 'a', 1, 0, [1]),
    'a name twice': legacy(2, 1, 'a', 1, 1, [1], 1, 'a', 1, 1, [1]),
    'an infinite value': legacy(1, 1, 'a', 1, 1, [Infinity]),
    'a negative value': legacy(1, 1, 'a', 1, 1, [-1]),
    'more than the end': legacy(1, 1, 'a', 1, 1, [1], 5, 1, 'x', 7),
  };
  const messages: Record<string, string> = {};
  for (const [name, bytes] of Object.entries(files)) {
    messages[name] = await read(bytes).then(
      () => 'it was read',
      (error) => `${error.exitCode} ${error.code}: ${error.message}`,
    );
  }
  expect(messages).toMatchInlineSnapshot(`
    {
      "a count of NaN": "2 imatrix/malformed: i cannot be read as an importance matrix: count 0 of 'a' is NaN. Give a file of llama-imatrix (.gguf or .dat), or compute it again.",
      "a long name": "2 imatrix/malformed: i cannot be read as an importance matrix: the name of entry 0 has a length of 1073741824 bytes. Give a file of llama-imatrix (.gguf or .dat), or compute it again.",
      "a model": "2 imatrix/malformed: i cannot be read as an importance matrix: it is a GGUF file without imatrix.datasets, so no importance matrix. Give a file of llama-imatrix (.gguf or .dat), or compute it again.",
      "a name that is no UTF-8": "2 imatrix/malformed: i cannot be read as an importance matrix: the name of entry 0 is not UTF-8. Give a file of llama-imatrix (.gguf or .dat), or compute it again.",
      "a name twice": "2 imatrix/malformed: i cannot be read as an importance matrix: 'a' is there twice. Give a file of llama-imatrix (.gguf or .dat), or compute it again.",
      "a negative count": "2 imatrix/malformed: i cannot be read as an importance matrix: count 0 of 'a' is -2. Give a file of llama-imatrix (.gguf or .dat), or compute it again.",
      "a negative length": "2 imatrix/malformed: i cannot be read as an importance matrix: the name of entry 0 has a length of -4 bytes. Give a file of llama-imatrix (.gguf or .dat), or compute it again.",
      "a negative value": "2 imatrix/not-finite: Value 0 of 'a' in i is -1, but a sum of squares is finite and not negative. Compute the importance matrix again.",
      "a sum of NaN": "2 imatrix/not-finite: Value 1 of 'a' in i is NaN, but a sum of squares is finite and not negative. Compute the importance matrix again.",
      "a text": "2 imatrix/malformed: i cannot be read as an importance matrix: it would hold 1819043176 entries, so it is no importance matrix or not whole. Give a file of llama-imatrix (.gguf or .dat), or compute it again.",
      "an infinite value": "2 imatrix/not-finite: Value 0 of 'a' in i is Infinity, but a sum of squares is finite and not negative. Compute the importance matrix again.",
      "counts alone": "2 imatrix/malformed: i cannot be read as an importance matrix: 'a' has no .in_sum2. Give a file of llama-imatrix (.gguf or .dat), or compute it again.",
      "counts of integers": "2 imatrix/malformed: i cannot be read as an importance matrix: 'a.counts' is int32, not float32. Give a file of llama-imatrix (.gguf or .dat), or compute it again.",
      "entries beyond the file": "2 imatrix/malformed: i cannot be read as an importance matrix: it would hold 2147483647 entries, so it is no importance matrix or not whole. Give a file of llama-imatrix (.gguf or .dat), or compute it again.",
      "more than the end": "2 imatrix/malformed: i cannot be read as an importance matrix: 4 bytes after its end mean nothing. Give a file of llama-imatrix (.gguf or .dat), or compute it again.",
      "no chunk size": "2 imatrix/malformed: i cannot be read as an importance matrix: it has no imatrix.chunk_size (a uint32). Give a file of llama-imatrix (.gguf or .dat), or compute it again.",
      "no entries": "2 imatrix/malformed: i cannot be read as an importance matrix: it would hold 0 entries, so it is no importance matrix or not whole. Give a file of llama-imatrix (.gguf or .dat), or compute it again.",
      "no tensors": "2 imatrix/malformed: i cannot be read as an importance matrix: it holds no tensor. Give a file of llama-imatrix (.gguf or .dat), or compute it again.",
      "no values": "2 imatrix/malformed: i cannot be read as an importance matrix: 'a' has 0 values of 1 chunks. Give a file of llama-imatrix (.gguf or .dat), or compute it again.",
      "nothing at all": "2 imatrix/truncated: i is cut off: it has 0 bytes, and the number of entries would end at 4. Copy it again, or compute it again.",
      "sums alone": "2 imatrix/malformed: i cannot be read as an importance matrix: 'a' has no .counts. Give a file of llama-imatrix (.gguf or .dat), or compute it again.",
      "sums that no count divides": "2 imatrix/malformed: i cannot be read as an importance matrix: 'a' has 3 sums for 2 counts. Give a file of llama-imatrix (.gguf or .dat), or compute it again.",
      "values beyond the file": "2 imatrix/truncated: i is cut off: it has 21 bytes, and entry 'a' would end at 4294967313. Copy it again, or compute it again.",
    }
  `);
});
