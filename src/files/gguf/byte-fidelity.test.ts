import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assets } from '../../../test/asset-models.ts';
import { openGgufOracle } from '../../../test/ggml/gguf-oracle.ts';
import { whyNoOracle } from '../../../test/ggml/oracle.ts';
import { elementCount } from '../../tensor/index.ts';
import { memoryFolder } from '../memory-folder.ts';
import { memorySource } from '../memory-source.ts';
import { memoryTensor } from '../memory-tensor.ts';
import { storedBytes } from '../stored-size.ts';
import { everyMetadata, everyTensor } from './every-type.test-data.ts';
import type { GgufModel, Metadata } from './gguf.ts';
import { layoutGguf } from './layout-gguf.ts';
import { openGguf } from './open-gguf.ts';
import { type WriteGgufOptions, writeGguf } from './write-gguf.ts';

/** What is read and written back is the same file, and it is the file that ggml would write. */

async function bytesOf(model: GgufModel, options?: WriteGgufOptions): Promise<Uint8Array> {
  const folder = memoryFolder();
  const sink = await folder.open('m.gguf');
  const layout = await writeGguf(sink, model, options);
  await sink.commit();
  const bytes = folder.files.get('m.gguf')!;
  expect(layout.sizeBytes).toBe(bytes.byteLength);
  return bytes;
}

const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

const vocabulary = (name: string) => join(assets, `gguf-vocab/ggml-vocab-${name}.gguf`);

describe.skipIf(!existsSync(vocabulary('gpt-2')))('files of llama.cpp (LOWBIT_ASSETS)', () => {
  test.each(['gpt-2', 'llama-spm', 'phi-3'])('the vocabulary of %s', async (name) => {
    const bytes = new Uint8Array(await readFile(vocabulary(name)));
    const file = await openGguf(memorySource(bytes, name));
    expect(same(await bytesOf(file), bytes)).toBe(true);
  });
});

test('every type of metadata and of tensor comes back as it was', async () => {
  const bytes = await bytesOf({ metadata: everyMetadata, tensors: everyTensor });
  const file = await openGguf(memorySource(bytes, 'every.gguf'));
  expect(file).toMatchObject({ version: 3, alignment: 32, shards: 1, sizeBytes: bytes.byteLength });
  expect(file.metadata).toEqual(everyMetadata);
  expect([...file.metadata.keys()]).toEqual([...everyMetadata.keys()]);
  const seen = file.tensors.map(({ name, shape, type }) => ({ name, shape, type }));
  expect(seen).toEqual(everyTensor.map(({ name, shape, type }) => ({ name, shape, type })));
  for (const [i, tensor] of file.tensors.entries()) {
    const rows = elementCount(tensor.shape.slice(0, -1));
    expect(await tensor.read(0, rows)).toEqual(await everyTensor[i]!.read(0, rows));
  }
  expect(same(await bytesOf(file), bytes)).toBe(true);
});

test('version 2 and other alignments', async () => {
  const metadata: Metadata = new Map([['general.alignment', { type: 'uint32', value: 8 }]]);
  const model = { metadata, tensors: everyTensor };
  const small = await bytesOf(model, { version: 2 });
  const file = await openGguf(memorySource(small, 'small.gguf'));
  expect(file).toMatchObject({ version: 2, alignment: 8 });
  expect(same(await bytesOf(file, { version: 2 }), small)).toBe(true);
  const wide: Metadata = new Map([['general.alignment', { type: 'uint32', value: 4096 }]]);
  const large = await bytesOf({ metadata: wide, tensors: everyTensor });
  expect(large.byteLength % 4096).toBe(0);
  expect(same(await bytesOf(await openGguf(memorySource(large, 'large.gguf'))), large)).toBe(true);
});

test('rows and pieces of a tensor', async () => {
  const bytes = await bytesOf({ metadata: new Map(), tensors: everyTensor });
  const file = await openGguf(memorySource(bytes, 'every.gguf'));
  const tensor = file.tensors.find(({ type }) => type === 'q4_k')!;
  expect(tensor.shape).toEqual([3, 2, 512]);
  const rowBytes = storedBytes('q4_k', 512);
  const all = await tensor.read(0, 6);
  expect(await tensor.read(2, 5)).toEqual(all.slice(2 * rowBytes, 5 * rowBytes));
  expect((await tensor.read(4, 4)).byteLength).toBe(0);
  const [piece] = tensor.pieces!(1, 3);
  expect(await piece!.source.read(piece!.offset, piece!.length)).toEqual(all.slice(rowBytes, 3 * rowBytes));
  await expect(tensor.read(5, 7)).rejects.toThrow(
    "Rows 5 to 7 of tensor 'blk.q4_k' were asked for, but it has 6. Ask for whole rows inside that range, the first before the last.",
  );
});

test('a file of 12 GiB: sizes and places before any data exist, and rows at the end of it', async () => {
  const tensors = ['a', 'b', 'c'].map((name) => ({
    name,
    shape: [2 ** 20, 2 ** 10],
    type: 'float32' as const,
  }));
  const layout = layoutGguf(everyMetadata, tensors);
  const headerBytes = layout.header.byteLength;
  expect(layout.sizeBytes).toBe(headerBytes + 3 * 2 ** 32);
  expect(layout.tensors.map(({ offset }) => offset)).toEqual([0, 1, 2].map((i) => headerBytes + i * 2 ** 32));
  const asked: [number, number][] = [];
  const file = await openGguf({
    name: 'large.gguf',
    size: layout.sizeBytes,
    async read(offset, length) {
      asked.push([offset, length]);
      const bytes = new Uint8Array(length);
      bytes.set(layout.header.subarray(offset, offset + length));
      return bytes;
    },
  });
  expect(asked).toEqual([[0, 65536]]);
  await file.tensors[2]!.read(2 ** 20 - 1, 2 ** 20);
  expect(asked[1]).toEqual([layout.sizeBytes - 4096, 4096]);
});

describe.skipIf(whyNoOracle() !== undefined)("ggml's reader and writer", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lowbit-gguf-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('read what we write, and write the same bytes', async () => {
    const oracle = openGgufOracle();
    // The format has arrays of arrays, which ggml refuses, and texts with zero bytes, which it cuts off there.
    const metadata = new Map(everyMetadata);
    for (const key of ['lists.nested', 'texts.zero']) metadata.delete(key);
    const bytes = await bytesOf({ metadata, tensors: everyTensor });
    const path = join(folder, 'ours.gguf');
    await writeFile(path, bytes);
    const seen = oracle.read(path);
    expect(seen?.keys).toEqual([...metadata.keys()]);
    const file = await openGguf(memorySource(bytes, 'ours.gguf'));
    for (const [i, { name, sizeBytes, offset }] of seen!.tensors.entries()) {
      const tensor = file.tensors[i]!;
      const rows = elementCount(tensor.shape.slice(0, -1));
      expect(tensor.name).toBe(name);
      expect(tensor.pieces!(0, rows)).toMatchObject([{ offset, length: sizeBytes }]);
    }
    expect(seen?.tensors).toHaveLength(file.tensors.length);
    oracle.rewrite(path, join(folder, 'theirs.gguf'));
    expect(same(await readFile(join(folder, 'theirs.gguf')), bytes)).toBe(true);
  });

  test('without tensors their writer pads the header', async () => {
    const bytes = await bytesOf({ metadata: everyMetadata, tensors: [] }, { padEmpty: true });
    expect(bytes.byteLength % 32).toBe(0);
    const metadata: Metadata = new Map([['general.name', { type: 'string', value: 'nothing' }]]);
    const path = join(folder, 'nothing.gguf');
    const ours = await bytesOf({ metadata, tensors: [] }, { padEmpty: true });
    await writeFile(path, ours);
    openGgufOracle().rewrite(path, join(folder, 'theirs.gguf'));
    expect(same(await readFile(join(folder, 'theirs.gguf')), ours)).toBe(true);
  });
});

test('what GGUF cannot hold is refused', async () => {
  const tensor = (name: string, shape: number[], type: 'float32' | 'q4_k' | 'uint8' = 'float32') => ({
    metadata: new Map(),
    tensors: [
      type === 'float32'
        ? memoryTensor(name, shape, type, new Uint8Array(4 * elementCount(shape)))
        : { name, shape, type, read: async () => new Uint8Array() },
    ],
  });
  const one = (metadata: Metadata): GgufModel => ({ metadata, tensors: [] });
  const models: GgufModel[] = [
    tensor('w', [2, 2], 'uint8'),
    tensor('w', [2, 128], 'q4_k'),
    tensor('x'.repeat(64), [1]),
    tensor('w', [1, 1, 1, 1, 1]),
    tensor('w\0v', [1]),
    tensor('w', [0, 4]),
    { metadata: new Map(), tensors: [...tensor('w', [1]).tensors, ...tensor('w', [2]).tensors] },
    {
      metadata: new Map(),
      tensors: [{ name: 'w', shape: [3], type: 'float32', read: async () => new Uint8Array(8) }],
    },
    one(new Map([['', { type: 'uint8', value: 1 }]])),
    one(new Map([['key', { type: 'string', value: '\ud800' }]])),
    one(new Map([['general.alignment', { type: 'uint32', value: 48 }]])),
  ];
  const messages: string[] = [];
  for (const model of models) {
    const message: string = await bytesOf(model).then(String, (e) => e.message);
    messages.push(message.replace('\0', '<zero>'));
  }
  expect(messages).toMatchInlineSnapshot(`
    [
      "The GGUF file cannot be written: tensor 'w' is uint8, which GGUF does not have. Correct the metadata or the tensor.",
      "The GGUF file cannot be written: tensor 'w' has rows of 128 values, which is no whole number of blocks of 256 (q4_k). Correct the metadata or the tensor.",
      "The GGUF file cannot be written: tensor 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' has a name of 64 bytes, but ggml keeps at most 63. Correct the metadata or the tensor.",
      "The GGUF file cannot be written: tensor 'w' has 5 axes, but ggml knows at most 4. Correct the metadata or the tensor.",
      "The GGUF file cannot be written: tensor 'w<zero>v' has a name with a zero byte. Correct the metadata or the tensor.",
      "The GGUF file cannot be written: tensor 'w' has the shape [0, 4]: an axis of 0 holds nothing. Correct the metadata or the tensor.",
      "The GGUF file cannot be written: tensor 'w' is there twice. Correct the metadata or the tensor.",
      "The GGUF file cannot be written: tensor 'w' gave 8 bytes for rows 0 to 1, which take 12. Correct the metadata or the tensor.",
      "The GGUF file cannot be written: key '' is empty or holds a zero byte. Correct the metadata or the tensor.",
      "The GGUF file cannot be written: key 'key' holds half a surrogate pair, which UTF-8 cannot. Correct the metadata or the tensor.",
      "The GGUF file cannot be written: the alignment is no good: general.alignment is uint32 48, but wants a uint32 that is a power of two up to 1048576. Correct the metadata or the tensor.",
    ]
  `);
});
