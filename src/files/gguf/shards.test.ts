import { expect, test } from 'vitest';
import type { ByteSource, Siblings } from '../bytes.ts';
import { memoryFolder } from '../memory-folder.ts';
import { memorySiblings, memorySource } from '../memory-source.ts';
import { everyMetadata, everyTensor, randomTensor } from './every-type.test-data.ts';
import type { GgufModel, MetadataValue } from './gguf.ts';
import { openGguf } from './open-gguf.ts';
import { parseShardName, shardName } from './shard-names.ts';
import { splitGguf } from './split-gguf.ts';
import { writeGguf } from './write-gguf.ts';

const model: GgufModel = { metadata: everyMetadata, tensors: everyTensor };

async function bytesOf(part: GgufModel, padEmpty = false): Promise<Uint8Array> {
  const folder = memoryFolder();
  const sink = await folder.open('m');
  await writeGguf(sink, part, { padEmpty });
  await sink.commit();
  return folder.files.get('m')!;
}

async function written(options: Parameters<typeof splitGguf>[2], from = model) {
  const files = new Map<string, Uint8Array>();
  for (const shard of splitGguf(from.metadata, from.tensors, options)) {
    files.set(shard.name, await bytesOf(shard, true));
  }
  return files;
}

const open = (files: ReadonlyMap<string, Uint8Array>, name: string) =>
  openGguf(memorySource(files.get(name)!, name), memorySiblings(files));

test('a split model opens by any of its files as the model it was', async () => {
  const whole = await bytesOf(model);
  const files = await written({ prefix: 'm', maxTensors: 10 });
  expect([...files.keys()]).toEqual([1, 2, 3, 4].map((i) => `m-0000${i}-of-00004.gguf`));
  for (const name of files.keys()) {
    const file = await open(files, name);
    const sizeBytes = [...files.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
    expect(file).toMatchObject({ shards: 4, sizeBytes });
    expect(Buffer.compare(await bytesOf(file), whole)).toBe(0);
  }
});

test('keys are those of llama-gguf-split, in its order', () => {
  const old: MetadataValue = { type: 'uint16', value: 0 };
  const metadata = new Map([['split.count', old], ...everyMetadata]);
  const shards = splitGguf(metadata, everyTensor, { prefix: 'm', maxTensors: 20 });
  const split = (index: number) => [
    ['split.no', { type: 'uint16', value: index }],
    ['split.tensors.count', { type: 'int32', value: everyTensor.length }],
    ['split.count', { type: 'uint16', value: 2 }],
  ];
  expect([...shards[0]!.metadata]).toEqual([...everyMetadata, ...split(0)]);
  expect([...shards[1]!.metadata]).toEqual(split(1));
});

test('by size: before the tensor that would pass it, metadata not counted', () => {
  const sizes = [100, 28, 64, 500, 32, 32];
  const tensors = sizes.map((size, i) => randomTensor(`t${i}`, [size], 'int8', i));
  const groups = (options: { maxBytes: number; metadataFirst?: boolean }) =>
    splitGguf(everyMetadata, tensors, { prefix: 'm', ...options }).map((s) =>
      s.tensors.map(({ name }) => name).join(' '),
    );
  // Padded to 32: 128, 32, 64, 512, 32, 32.
  expect(groups({ maxBytes: 224 })).toEqual(['t0 t1 t2', 't3', 't4 t5']);
  expect(groups({ maxBytes: 223 })).toEqual(['t0 t1', 't2', 't3', 't4 t5']);
  expect(groups({ maxBytes: 1 })).toEqual(['t0', 't1', 't2', 't3', 't4', 't5']);
  expect(groups({ maxBytes: 1e9 })).toEqual(['t0 t1 t2 t3 t4 t5']);
  expect(groups({ maxBytes: 224, metadataFirst: true })).toEqual(['', 't0 t1 t2', 't3', 't4 t5']);
});

test('a first file without tensors', async () => {
  const files = await written({ prefix: 'm', maxTensors: 30, metadataFirst: true });
  const first = files.get('m-00001-of-00003.gguf')!;
  expect(first.byteLength % 32).toBe(0);
  const file = await open(files, 'm-00001-of-00003.gguf');
  expect(file.tensors).toHaveLength(everyTensor.length);
  expect([...file.metadata]).toEqual([...everyMetadata]);
});

test('a merged file of llama.cpp says that it is no part', async () => {
  const metadata = new Map([...everyMetadata, ['split.count', { type: 'uint16', value: 0 }] as const]);
  const bytes = await bytesOf({ metadata, tensors: everyTensor });
  const file = await openGguf(memorySource(bytes, 'merged.gguf'));
  expect(file.shards).toBe(1);
  expect(Buffer.compare(await bytesOf(file), bytes)).toBe(0);
});

test('names, also in paths and URLs', () => {
  expect(shardName('a-b', 1, 12)).toBe('a-b-00002-of-00012.gguf');
  const parsed = { prefix: 'a b', index: 1, count: 12 };
  expect(parseShardName('/x/y-00001-of-00002.gguf/a b-00002-of-00012.gguf')).toEqual(parsed);
  expect(parseShardName('C:\\x\\a b-00002-of-00012.gguf')).toEqual(parsed);
  expect(parseShardName('https://x.y/z/a%20b-00002-of-00012.gguf?download=true#x')).toEqual(parsed);
  expect(parseShardName('https://x.y/%zz-00002-of-00012.gguf')?.prefix).toBe('%zz');
  expect(parseShardName('100%20-00002-of-00012.gguf')?.prefix).toBe('100%20');
  for (const name of ['a.gguf', 'a-1-of-2.gguf', 'a-00003-of-00002.gguf', 'a-00000-of-00002.gguf']) {
    expect(parseShardName(name)).toBeUndefined();
  }
});

test('more files than can be counted', () => {
  const tensors = Array.from({ length: 65536 }, (_, i) => ({
    name: `t${i}`,
    shape: [1],
    type: 'int8' as const,
  }));
  expect(() => splitGguf(everyMetadata, tensors, { prefix: 'm', maxTensors: 1 })).toThrow(
    'The GGUF file cannot be written: the model would be cut into 65536 files, but at most 65535 can be counted. Correct the metadata or the tensor.',
  );
});

test('parts that do not belong together', async () => {
  const files = await written({ prefix: 'm', maxTensors: 20 });
  const [first, second] = ['m-00001-of-00002.gguf', 'm-00002-of-00002.gguf'] as const;
  const refusal = (changed: Iterable<[string, Uint8Array]>, name: string = first, siblings = true) => {
    const all = new Map([...files, ...changed]);
    const source = memorySource(all.get(name)!, name);
    return openGguf(source, siblings ? memorySiblings(all) : undefined).then(
      () => 'it was opened',
      (error) => `${error.exitCode} ${error.message}`,
    );
  };
  const shards = splitGguf(everyMetadata, everyTensor, { prefix: 'm', maxTensors: 20 });
  const changed = async (index: number, keys: [string, MetadataValue][], tensors = shards[index]!.tensors) =>
    bytesOf({ metadata: new Map([...shards[index]!.metadata, ...keys]), tensors });
  const u = (value: number): MetadataValue => ({ type: 'uint16', value });
  const missing = new Map(shards[1]!.metadata);
  missing.delete('split.no');
  const messages = [
    await refusal([], first, false),
    await refusal([['alone.gguf', files.get(first)!]], 'alone.gguf'),
    await refusal([['m-00001-of-00003.gguf', files.get(first)!]], 'm-00001-of-00003.gguf'),
    await refusal([['n-00001-of-00002.gguf', files.get(first)!]], 'n-00001-of-00002.gguf'),
    await refusal([[second, files.get(first)!]]),
    await refusal([[second, await changed(1, [['split.count', u(3)]])]]),
    await refusal([[second, await bytesOf({ metadata: missing, tensors: shards[1]!.tensors })]]),
    await refusal([[second, await changed(1, [], shards[0]!.tensors)]]),
    await refusal([[second, await changed(1, [], shards[1]!.tensors.slice(1))]]),
    await refusal([[first, await changed(0, [['split.count', { type: 'float32', value: 2.5 }]])]]),
    await refusal([[first, await changed(0, [['split.count', { type: 'int64', value: -2n }]])]]),
    await refusal([[second, new Uint8Array(100)]]),
  ];
  expect(messages).toMatchInlineSnapshot(`
    [
      "2 m-00001-of-00002.gguf cannot be opened as a part of a model: it is one of 2 files of a model, and there is no folder to find the others in. Put all parts into one folder under their own names, and open any of them there.",
      "2 alone.gguf cannot be opened as a part of a model: its metadata say that it is one of 2 files, but its name is not like model-00001-of-00002.gguf. Put all parts into one folder under their own names, and open any of them there.",
      "2 m-00001-of-00003.gguf cannot be opened as a part of a model: its metadata say that it is one of 2 files, but its name is not like model-00001-of-00002.gguf. Put all parts into one folder under their own names, and open any of them there.",
      "2 There is no file n-00002-of-00002.gguf. Check the path.",
      "2 m-00002-of-00002.gguf cannot be opened as a part of a model: its split.no is 0, but by its name it wants 1. Put all parts into one folder under their own names, and open any of them there.",
      "2 m-00002-of-00002.gguf cannot be opened as a part of a model: its split.count is 3, but by its name it wants 2. Put all parts into one folder under their own names, and open any of them there.",
      "2 m-00002-of-00002.gguf cannot be opened as a part of a model: its split.no is missing, but by its name it wants 1. Put all parts into one folder under their own names, and open any of them there.",
      "2 Tensor 'blk.float32' in m-00002-of-00002.gguf is in a file before too. The file is damaged; copy or download it again, or convert it again.",
      "2 m-00001-of-00002.gguf cannot be opened as a part of a model: its split.tensors.count is 36, but the 2 files hold 35 tensors. Put all parts into one folder under their own names, and open any of them there.",
      "2 m-00001-of-00002.gguf cannot be opened as a part of a model: its split.count is no count. Put all parts into one folder under their own names, and open any of them there.",
      "2 m-00001-of-00002.gguf cannot be opened as a part of a model: its split.count is no count. Put all parts into one folder under their own names, and open any of them there.",
      "2 m-00002-of-00002.gguf is not a GGUF file: it does not start with 'GGUF'. Give a .gguf file.",
    ]
  `);
});

test('files that were opened on the way are closed when one is refused', async () => {
  const files = await written({ prefix: 'm', maxTensors: 10 });
  files.delete('m-00004-of-00004.gguf');
  let open = 0;
  const counted = (source: ByteSource): ByteSource => {
    open++;
    return { ...source, close: async () => void open-- };
  };
  const siblings: Siblings = { open: async (name) => counted(await memorySiblings(files).open(name)) };
  const source = memorySource(files.get('m-00001-of-00004.gguf')!, 'm-00001-of-00004.gguf');
  await expect(openGguf(source, siblings)).rejects.toThrow('There is no file m-00004-of-00004.gguf.');
  expect(open).toBe(0);
});
