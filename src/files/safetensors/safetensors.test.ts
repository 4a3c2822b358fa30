import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { memoryFolder } from '../memory-folder.ts';
import { memorySiblings, memorySource } from '../memory-source.ts';
import { memoryTensor } from '../memory-tensor.ts';
import { rowCountOf, type StoredType, type TensorSource } from '../tensor-source.ts';
import { openSafetensorsFolder } from './open-folder.ts';
import { openSafetensors } from './open-safetensors.ts';
import { writeSafetensors, writeSafetensorsFolder } from './write-safetensors.ts';

/** Held to files of the format's reference library. */

const golden = resolve(import.meta.dirname, '../../../test/golden/safetensors');
const load = async (path: string) => new Uint8Array(await readFile(join(golden, path)));
const all = (tensor: TensorSource) => tensor.read(0, rowCountOf(tensor.shape));

async function written(tensors: Iterable<TensorSource>, metadata?: ReadonlyMap<string, string>) {
  const folder = memoryFolder();
  const sink = await folder.open('m');
  await writeSafetensors(sink, tensors, metadata, { tileBytes: 8 });
  await sink.commit();
  return folder.files.get('m')!;
}

test('every type is read, and written back with the same bytes', async () => {
  const bytes = await load('types.safetensors');
  const { tensors, metadata } = await openSafetensors(memorySource(bytes, 't'));
  const types = Object.fromEntries([...tensors].map(([name, { type, shape }]) => [name, `${type} ${shape}`]));
  expect(types).toMatchInlineSnapshot(`
    {
      "a.f32": "float32 2,3",
      "b": "bfloat16 2",
      "b.w": "float16 3",
      "c64": "complex64 1",
      "f4": "float4e2m1 2,8",
      "f8.e4m3": "float8e4m3fn 8",
      "f8.e4m3fnuz": "float8e4m3fnuz 8",
      "f8.e5m2": "float8e5m2 8",
      "f8.e5m2fnuz": "float8e5m2fnuz 8",
      "f8.e8m0": "float8e8m0 8",
      "flags": "bool 2",
      "i16": "int16 2",
      "i32": "int32 2",
      "scalar": "int64 ",
      "u16": "uint16 1",
      "u32": "uint32 1",
      "u64": "uint64 1",
      "u8": "uint8 3",
      "z.f64": "float64 2",
      "é": "float32 2,0",
      " "\\
    ": "int8 1",
    }
  `);
  expect([...metadata]).toEqual([['note', 'quotes " and \\ and\nlines']]);
  const rows = await tensors.get('a.f32')!.read(1, 2);
  expect(new Float32Array(rows.slice().buffer)).toEqual(Float32Array.of(0, 5, 6));
  expect(await tensors.get('f4')!.read(1, 2)).toEqual(Uint8Array.of(60, 61, 62, 63));
  expect((await all(tensors.get('é')!)).byteLength).toBe(0);
  expect(new BigInt64Array((await all(tensors.get('scalar')!)).slice().buffer)).toEqual(BigInt64Array.of(7n));
  const shuffled = [...tensors.values()].toReversed();
  expect(Buffer.compare(await written(shuffled, metadata), bytes)).toBe(0);
});

test('shards and their index', async () => {
  const names = await readdir(join(golden, 'sharded'));
  const files = new Map<string, Uint8Array>();
  for (const name of names) files.set(name, await load(`sharded/${name}`));
  const file = await openSafetensorsFolder(memorySiblings(files));
  const shards = names.filter((name) => name.endsWith('.safetensors'));
  expect(file.shards).toBe(shards.length);
  expect(file.sizeBytes).toBe(shards.reduce((sum, name) => sum + files.get(name)!.byteLength, 0));
  for (let layer = 0; layer < 3; layer++) {
    const weight = file.tensors.get(`layers.${layer}.w`)!;
    expect(new Float32Array((await all(weight)).slice().buffer)[19]).toBe(19 + layer);
  }
  const order = [0, 1, 2].flatMap((i) => [`layers.${i}.w`, `layers.${i}.b`]);
  const copy = memoryFolder();
  const made = await writeSafetensorsFolder(
    copy,
    order.map((name) => file.tensors.get(name)!),
    { maxShardBytes: 200, metadata: file.metadata },
  );
  expect(made.at(-1)).toBe('model.safetensors.index.json');
  expect([...copy.files.keys()].sort()).toEqual(names.sort());
  for (const name of shards) expect(Buffer.compare(copy.files.get(name)!, files.get(name)!), name).toBe(0);
  const index = 'model.safetensors.index.json';
  expect(JSON.parse(Buffer.from(copy.files.get(index)!).toString())).toMatchObject(
    JSON.parse(Buffer.from(files.get(index)!).toString()),
  );
});

test('a folder that fits one file has no index; one file is opened before an index', async () => {
  const tensor = memoryTensor('w', [2], 'uint8', Uint8Array.of(1, 2));
  const folder = memoryFolder();
  expect(await writeSafetensorsFolder(folder, [tensor])).toEqual(['model.safetensors']);
  folder.files.set('model.safetensors.index.json', new Uint8Array(3));
  const file = await openSafetensorsFolder(memorySiblings(folder.files));
  expect(file.shards).toBe(1);
  expect(await all(file.tensors.get('w')!)).toEqual(Uint8Array.of(1, 2));
});

test('another stem', async () => {
  const folder = memoryFolder();
  const tensors = ['a', 'b'].map((name) => memoryTensor(name, [4], 'uint8', new Uint8Array(4)));
  const stem = 'diffusion';
  expect(await writeSafetensorsFolder(folder, tensors, { stem, maxShardBytes: 4 })).toEqual([
    'diffusion-00001-of-00002.safetensors',
    'diffusion-00002-of-00002.safetensors',
    'diffusion.safetensors.index.json',
  ]);
  const file = await openSafetensorsFolder(memorySiblings(folder.files), { stem });
  expect([...file.tensors.keys()]).toEqual(['a', 'b']);
});

test('what the format cannot hold is refused', async () => {
  const tensor = (name: string, type: StoredType, shape: number[]): TensorSource => ({
    name,
    type,
    shape,
    read: async () => new Uint8Array(),
  });
  const refusal = (...tensors: TensorSource[]) => written(tensors).then(String, (error) => error.message);
  expect([
    await refusal(tensor('w', 'q4_k', [256])),
    await refusal(tensor('w', 'string', [1])),
    await refusal(tensor('w', 'float4e2m1', [2, 3])),
    await refusal(tensor('w', 'int8', [0]), tensor('w', 'int8', [0])),
    await refusal(tensor('__metadata__', 'int8', [0])),
    await refusal(tensor('w', 'int8', [4])),
  ]).toMatchInlineSnapshot(`
    [
      "Tensor 'w' cannot be written to a safetensors file: it is q4_k, which safetensors does not have. Convert or rename it first.",
      "Tensor 'w' cannot be written to a safetensors file: it is string, which safetensors does not have. Convert or rename it first.",
      "Tensor 'w' cannot be written to a safetensors file: its rows are no whole number of bytes. Convert or rename it first.",
      "Tensor 'w' cannot be written to a safetensors file: its name is taken. Convert or rename it first.",
      "Tensor '__metadata__' cannot be written to a safetensors file: its name is taken. Convert or rename it first.",
      "Tensor 'w' cannot be written to a safetensors file: it gave 0 bytes for rows 0 to 1, which take 4. Convert or rename it first.",
    ]
  `);
});

test('a failure leaves no file of a folder', async () => {
  const folder = memoryFolder();
  const good = memoryTensor('a', [4], 'uint8', new Uint8Array(4));
  const bad = {
    ...memoryTensor('b', [4], 'uint8', new Uint8Array(4)),
    read: () => Promise.reject(new Error('gone')),
  };
  await expect(writeSafetensorsFolder(folder, [good, bad], { maxShardBytes: 4 })).rejects.toThrow('gone');
  expect(folder.files.size).toBe(0);
});
