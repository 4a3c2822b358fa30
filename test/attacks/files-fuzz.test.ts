import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { everyMetadata, everyTensor } from '../../src/files/gguf/every-type.test-data.ts';
import {
  type ByteSource,
  type GgufModel,
  memoryFolder,
  memorySiblings,
  memorySource,
  openGguf,
  openLlama2c,
  openSafetensors,
  openSafetensorsFolder,
  readImatrix,
  rowCountOf,
  splitGguf,
  type TensorSource,
  writeGguf,
  writeSafetensors,
} from '../../src/files/index.ts';
import { LowbitError, seededRandom } from '../../src/tensor/index.ts';
import { watchedSource } from './watched-source.ts';

/**
 * Damaged copies of good files: a reader gives the content or a named error, asks for no byte that is not there, and
 * takes no time and memory to speak of. The seeds are fixed; LOWBIT_FUZZ multiplies the number of rounds.
 */

const ROUNDS = 1500 * Number(process.env.LOWBIT_FUZZ ?? 1);
/** Reading a file of some kilobytes takes a millisecond; this is for a machine that does much else. */
const SLOW_MS = 5000;
const HEAP_BYTES = 2 ** 29;

type Random = () => number;

const extremes = [0, 1, 2, 7, 31, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

/** One to four changes: bits, bytes, numbers of extreme size, cuts, copies, insertions. */
function damaged(good: Uint8Array, random: Random): Uint8Array {
  let bytes = Uint8Array.from(good);
  const below = (n: number) => Math.floor(n * random());
  for (let i = below(4); i >= 0 && bytes.length > 0; i--) {
    const at = below(bytes.length);
    const view = new DataView(bytes.buffer);
    const value = extremes[below(extremes.length)]!;
    switch (below(8)) {
      case 0:
        bytes[at]! ^= 1 << below(8);
        break;
      case 1:
        bytes[at] = below(256);
        break;
      case 2:
        if (at + 4 <= bytes.length) view.setUint32(at, value, true);
        break;
      case 3:
        if (at + 8 <= bytes.length) view.setBigUint64(at, BigInt(value) << BigInt(below(40)), true);
        break;
      case 4:
        bytes = bytes.slice(0, at);
        break;
      case 5:
        bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(below(bytes.length))]);
        break;
      case 6:
        bytes.copyWithin(at, below(bytes.length), below(bytes.length));
        break;
      case 7:
        bytes.fill(below(256), at, at + below(16));
    }
  }
  return bytes;
}

/** Reads every row, so that a wrong place or size would show. */
async function readAll(tensors: Iterable<TensorSource>): Promise<void> {
  for (const tensor of tensors) await tensor.read(0, rowCountOf(tensor.shape));
}

/** What was opened is written again: the writer must hold whatever the reader lets through. */
async function rewrite(
  write: (sink: Awaited<ReturnType<ReturnType<typeof memoryFolder>['open']>>) => Promise<unknown>,
) {
  const folder = memoryFolder();
  const sink = await folder.open('copy');
  await write(sink);
  await sink.commit();
  return folder.files.get('copy')!;
}

async function fuzz(good: Uint8Array, seed: number, open: (source: ByteSource) => Promise<unknown>) {
  const random = seededRandom(seed);
  let opened = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = damaged(good, random);
    const source = watchedSource(bytes, 'm');
    const started = performance.now();
    try {
      await open(source);
      opened++;
    } catch (error) {
      if (!(error instanceof LowbitError) || error.exitCode !== 2) {
        throw new Error(`round ${round} of seed ${seed}`, { cause: error });
      }
      if (error.code === 'file/out-of-range')
        throw new Error(`round ${round} of seed ${seed} read outside the file`);
    }
    expect(source.longest).toBeLessThanOrEqual(bytes.byteLength);
    expect(performance.now() - started, `round ${round} of seed ${seed}`).toBeLessThan(SLOW_MS);
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  expect(heapUsed + arrayBuffers).toBeLessThan(HEAP_BYTES);
  // Some damage does no harm, most does.
  expect(opened).toBeGreaterThan(0);
  expect(opened).toBeLessThan(ROUNDS);
}

async function ggufBytes(model: GgufModel): Promise<Uint8Array> {
  return rewrite((sink) => writeGguf(sink, model, { padEmpty: true }));
}

const goldenImatrix = async (name: string) =>
  new Uint8Array(await readFile(resolve(import.meta.dirname, '../golden/imatrix', name)));

test('GGUF: the header, where nearly every byte is structure', async () => {
  const tensors = everyTensor.filter((_, i) => i % 6 === 0);
  await fuzz(await ggufBytes({ metadata: everyMetadata, tensors }), 1, async (source) => {
    const file = await openGguf(source);
    await readAll(file.tensors);
    const copy = await rewrite((sink) => writeGguf(sink, file, { version: file.version }));
    const again = await openGguf(memorySource(copy, 'copy'));
    expect(again.tensors.length).toBe(file.tensors.length);
  });
});

test('GGUF: keys alone', async () => {
  await fuzz(await ggufBytes({ metadata: everyMetadata, tensors: [] }), 2, (source) => openGguf(source));
});

test('GGUF: parts of a model', async () => {
  const files = new Map<string, Uint8Array>();
  for (const shard of splitGguf(everyMetadata, everyTensor.slice(0, 9), { prefix: 'm', maxTensors: 3 })) {
    files.set(shard.name, await ggufBytes(shard));
  }
  const [first, second] = [...files.keys()] as [string, string];
  await fuzz(files.get(second)!, 3, async (source) => {
    const changed = { ...source, name: second };
    const siblings = {
      open: async (name: string) => (name === second ? changed : memorySiblings(files).open(name)),
    };
    await readAll((await openGguf(memorySource(files.get(first)!, first), siblings)).tensors);
  });
});

const small = everyTensor.filter(({ type }) =>
  ['float32', 'float16', 'int8', 'int64', 'bfloat16'].includes(type),
);

test('safetensors', async () => {
  const metadata = new Map([['format', 'pt']]);
  const good = await rewrite((sink) => writeSafetensors(sink, small, metadata));
  await fuzz(good, 4, async (source) => {
    const { tensors, metadata: read } = await openSafetensors(source);
    await readAll(tensors.values());
    await rewrite((sink) => writeSafetensors(sink, tensors.values(), read));
  });
});

test('safetensors: the index of a folder', async () => {
  const shards = new Map<string, Uint8Array>();
  const map: Record<string, string> = {};
  for (const [i, tensor] of small.entries()) {
    shards.set(`${i}.safetensors`, await rewrite((sink) => writeSafetensors(sink, [tensor])));
    map[tensor.name] = `${i}.safetensors`;
  }
  const index = new TextEncoder().encode(JSON.stringify({ weight_map: map }));
  await fuzz(index, 5, async (source) => {
    const open = async (name: string) =>
      name === 'model.safetensors.index.json' ? source : memorySiblings(shards).open(name);
    await readAll((await openSafetensorsFolder({ open })).tensors.values());
  });
});

test('importance matrices, both formats', async () => {
  await fuzz(await goldenImatrix('imatrix.gguf'), 6, readImatrix);
  await fuzz(await goldenImatrix('imatrix.dat'), 7, readImatrix);
});

test('llama2.c', async () => {
  // dim 4, hidden 6, 1 layer, 2 heads, 1 key head, 5 tokens, context 3
  const floats = 20 + (4 + 16 + 8 + 8 + 16 + 4 + 72) + 4 + 6;
  const good = new Uint8Array(28 + 4 * floats);
  good.set(new Uint8Array(Int32Array.of(4, 6, 1, 2, 1, 5, 3).buffer));
  await fuzz(good, 8, async (source) => readAll((await openLlama2c(source)).tensors.values()));
});
