import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { memoryTensor, openFile, storedBytes } from '../files/index.ts';
import { encodeBlocks, toFloat32 } from '../numerics/index.ts';
import { seededRandom, tensorFromBytes } from '../tensor/index.ts';
import { inlinePool } from './inline-pool.ts';
import { inFile, randomTensor } from './random-tensor.test-data.ts';
import { countTiles, type TensorJob } from './tensor-job.ts';
import { createTilePool, type TileOutput, type TilePool } from './tile-pool.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lowbit-tiles-'));
});
afterAll(() => rm(folder, { recursive: true }));

const threadCounts = [1, 2, 3];
const shuffled = (count: number, seed: number) => {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, i) => ({ i, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ i }) => i);
};

/** Tensors that are read by threads (in one piece, row by row), in memory, stacked, narrow, of more than one tile. */
async function jobs() {
  const whole = randomTensor('whole', [700, 1024]);
  const rows = randomTensor('rows', [600, 512], 'bfloat16');
  const memory = randomTensor('memory', [900, 320], 'float32');
  const stack = randomTensor('stack', [3, 500, 256]);
  const norm = randomTensor('norm', [1000], 'float32');
  const order = shuffled(600, 1);
  const path = join(folder, 'tensors');
  const permuted = new Uint8Array(rows.bytes.byteLength);
  for (const [at, row] of order.entries())
    permuted.set(rows.bytes.subarray(row * 1024, (row + 1) * 1024), at * 1024);
  await writeFile(path, Buffer.concat([whole.bytes, permuted, stack.bytes, norm.bytes]));
  const { source } = await openFile(path);
  const start = whole.bytes.byteLength;
  const places = order.map((_, row) => start + order.indexOf(row) * 1024);
  const random = seededRandom(9);
  const importance = Float32Array.from({ length: 3 * 256 }, () => random());
  const sources = [
    { tensor: whole, source: inFile(whole, source, 0), type: 'q8_0' as const },
    { tensor: rows, source: inFile(rows, source, places), type: 'q4_k' as const },
    { tensor: memory, source: memory, type: 'q8_0' as const },
    {
      tensor: stack,
      source: inFile(stack, source, start + rows.bytes.byteLength),
      type: 'q4_k' as const,
      importance,
    },
    {
      tensor: norm,
      source: inFile(norm, source, start + rows.bytes.byteLength + stack.bytes.byteLength),
      type: 'float32' as const,
    },
    { tensor: memory, source: memory, type: 'bfloat16' as const },
  ];
  let offset = 64;
  const list = sources.map(({ source, type, importance }): TensorJob => {
    const at = offset;
    const count = source.shape.reduce((a, b) => a * b, 1);
    // A gap behind each, as alignment leaves.
    offset += storedBytes(type, count) + 32;
    return { source, type, file: 0, offset: at, ...(importance && { importance }) };
  });
  return { sources, list, size: offset, close: () => source.close!() };
}

/** What every path must give, from the one-call encoder. */
async function wanted({ sources, list, size }: Awaited<ReturnType<typeof jobs>>): Promise<Uint8Array> {
  const out = new Uint8Array(size);
  for (const [i, { tensor, type, importance }] of sources.entries()) {
    const stored = toFloat32(tensorFromBytes(tensor.type as 'float16', tensor.shape, tensor.bytes));
    const length = tensor.shape.at(-1)!;
    if (type === 'float32') out.set(tensor.bytes, list[i]!.offset);
    else if (type === 'bfloat16') {
      const bits = new Uint32Array(stored.buffer, 0, stored.length);
      const narrow = Uint16Array.from(bits, (b) => (b + 0x7fff + ((b >>> 16) & 1)) >>> 16);
      out.set(new Uint8Array(narrow.buffer), list[i]!.offset);
    } else {
      const matrices = importance === undefined ? 1 : 3;
      const part = stored.length / matrices;
      for (let m = 0; m < matrices; m++) {
        const own = importance?.slice(m * length, (m + 1) * length);
        const bytes = await encodeBlocks(type, stored.slice(m * part, (m + 1) * part), length, {
          search: 'reference',
          ...(own && { importance: own }),
        });
        out.set(bytes, list[i]!.offset + m * bytes.byteLength);
      }
    }
  }
  return out;
}

const memoryOutput = (size: number): TileOutput & { readonly bytes: Uint8Array } => {
  const bytes = new Uint8Array(size);
  return { name: 'memory', bytes, write: async (offset, part) => bytes.set(part, offset) };
};

/** Runs the jobs into a file that threads write by themselves. */
async function toFile(pool: TilePool, list: readonly TensorJob[], done?: Uint8Array): Promise<Buffer> {
  const path = join(folder, 'out');
  const descriptor = openSync(path, 'w+');
  const write = async (offset: number, bytes: Uint8Array) => {
    const { writeSync } = await import('node:fs');
    writeSync(descriptor, bytes, 0, bytes.byteLength, offset);
  };
  try {
    const output: TileOutput = { name: path, descriptor, write };
    await pool.encode({ jobs: list, outputs: [output], search: 'reference', ...(done && { done }) });
  } finally {
    await pool.close();
    closeSync(descriptor);
  }
  return readFileSync(path);
}

const padded = (bytes: Buffer, size: number) => Buffer.concat([bytes, Buffer.alloc(size - bytes.byteLength)]);

test('the same bytes for any number of threads, from files and from memory, to files and to memory', async () => {
  const all = await jobs();
  const right = await wanted(all);
  const inline = memoryOutput(all.size);
  await inlinePool().encode({ jobs: all.list, outputs: [inline], search: 'reference' });
  expect(Buffer.compare(inline.bytes, right)).toBe(0);
  for (const threads of threadCounts) {
    const bytes = await toFile(createTilePool({ threads }), all.list);
    expect(Buffer.compare(padded(bytes, all.size), right), `${threads} threads`).toBe(0);
    const copied = memoryOutput(all.size);
    const pool = createTilePool({ threads });
    await pool.encode({ jobs: all.list, outputs: [copied], search: 'reference' });
    // A pool goes on to the next request.
    await pool.encode({ jobs: all.list.slice(0, 1), outputs: [copied], search: 'reference' });
    await pool.close();
    expect(Buffer.compare(copied.bytes, right), `${threads} threads, copied`).toBe(0);
  }
  await all.close();
});

test('tiles that are done stay as they are; progress and finished tiles are told', async () => {
  const all = await jobs();
  const right = await wanted(all);
  const tiles = countTiles(all.list);
  const done = Uint8Array.from({ length: tiles }, (_, i) => i % 2);
  const half = await toFile(createTilePool({ threads: 2 }), all.list, done);
  const rest = await toFile(
    createTilePool({ threads: 2 }),
    all.list,
    done.map((flag) => 1 - flag),
  );
  const [a, b] = [padded(half, all.size), padded(rest, all.size)];
  expect(Buffer.compare(a, right)).not.toBe(0);
  expect(a.every((byte, i) => byte === 0 || b[i] === 0 || byte === b[i])).toBe(true);
  expect(a.every((byte, i) => (byte | b[i]!) === right[i])).toBe(true);

  const pool = createTilePool({ threads: 2 });
  const seen: number[] = [];
  let finished = new Uint8Array(0);
  await pool.encode({
    jobs: all.list,
    outputs: [memoryOutput(all.size)],
    search: 'reference',
    onProgress: ({ done, total }) => seen.push(done / total),
    onTiles: async (flags) => void (finished = flags.slice()),
  });
  await pool.close();
  expect(seen.at(-1)).toBe(1);
  expect(seen.every((share, i) => share >= (seen[i - 1] ?? 0))).toBe(true);
  expect([...finished]).toEqual(new Array(tiles).fill(1));
  await all.close();
});

test('a value that cannot be stored: by name and index, the first one, whatever the threads', async () => {
  const path = join(folder, 'bad');
  const cases = [
    {
      bits: 0x7e00,
      type: 'q8_0' as const,
      text: "Value 450123 of tensor 'weights' is NaN; only finite numbers can be quantized. The training diverged or the file is damaged; mend the weight or keep this tensor float.",
    },
    {
      bits: 0xfc00,
      type: 'float16' as const,
      text: "Value 450123 of tensor 'weights' is -Infinity; only finite numbers can be quantized. The training diverged or the file is damaged; mend the weight or keep this tensor float.",
    },
  ];
  for (const { bits, type, text } of cases) {
    const tensor = randomTensor('weights', [1000, 1024]);
    const words = new Uint16Array(tensor.bytes.buffer);
    for (const index of [450_123, 900_000, 1_000_000]) words[index] = bits;
    await writeFile(path, tensor.bytes);
    const { source } = await openFile(path);
    const job = { source: inFile(tensor, source, 0), type, file: 0, offset: 0 };
    for (const threads of threadCounts) {
      await expect(toFile(createTilePool({ threads }), [job])).rejects.toThrow(text);
    }
    const copied = { ...job, source: tensor };
    const pool = createTilePool({ threads: 2 });
    const request = { jobs: [copied], outputs: [memoryOutput(2e6)], search: 'best' as const };
    await expect(pool.encode(request)).rejects.toThrow(text);
    await pool.close();
    await expect(inlinePool().encode(request)).rejects.toThrow(text);
    await source.close!();
  }
});

test('a value beyond the type, in floats and in the scale of a block', async () => {
  const tensor = randomTensor('wide', [4, 64], 'float32');
  new Float32Array(tensor.bytes.buffer)[70] = 1e7;
  const request = (type: 'float16' | 'q8_0') => ({
    jobs: [{ source: tensor, type, file: 0, offset: 0 }],
    outputs: [memoryOutput(2048)],
    search: 'reference' as const,
  });
  await expect(inlinePool().encode(request('float16'))).rejects.toThrow(
    "Value 70 of tensor 'wide' is 10000000, which is too large for F16. Keep this tensor in a wider type, such as BF16 or F32.",
  );
  // 1e7 / 127 is beyond float16: the whole block would come back as Inf.
  await expect(inlinePool().encode(request('q8_0'))).rejects.toMatchObject({ code: 'numerics/beyond-range' });
});

test('whole numbers and double floats: as they are, and to blocks', async () => {
  const integers = Int32Array.from({ length: 600 }, (_, i) => i * 7919 - 2e6);
  const doubles = Float64Array.from({ length: 4 * 32 }, (_, i) => (i - 60) / 64);
  const stored = (name: string, type: 'int32' | 'float64', shape: number[], array: ArrayBufferView) =>
    memoryTensor(name, shape, type, new Uint8Array(array.buffer));
  const jobs = [
    { source: stored('ids', 'int32', [3, 200], integers), type: 'int32' as const, file: 0, offset: 0 },
    { source: stored('double', 'float64', [4, 32], doubles), type: 'q8_0' as const, file: 0, offset: 2400 },
  ];
  const right = new Uint8Array(2400 + 4 * 34);
  right.set(new Uint8Array(integers.buffer));
  right.set(await encodeBlocks('q8_0', Float32Array.from(doubles), 32, { search: 'reference' }), 2400);
  for (const pool of [inlinePool(), createTilePool({ threads: 2 })]) {
    const output = memoryOutput(right.length);
    await pool.encode({ jobs, outputs: [output], search: 'reference' });
    await pool.close();
    expect(output.bytes).toEqual(right);
  }
});

test('an abort ends the threads at once, and nothing is written afterwards', async () => {
  const tensor = randomTensor('slow', [4000, 1024]);
  const path = join(folder, 'slow');
  await writeFile(path, tensor.bytes);
  const { source } = await openFile(path);
  const list = Array.from({ length: 60 }, (_, i) => ({
    source: inFile(tensor, source, 0),
    type: 'q4_k' as const,
    file: 0,
    offset: i * 4000 * 576,
  }));
  const out = join(folder, 'aborted');
  const descriptor = openSync(out, 'w+');
  const controller = new AbortController();
  const pool = createTilePool({ threads: 2 });
  let progress = 0;
  const running = pool.encode({
    jobs: list,
    outputs: [{ name: out, descriptor, write: async () => {} }],
    search: 'best',
    signal: controller.signal,
    onProgress: ({ done, total }) => {
      progress = done / total;
      controller.abort();
    },
  });
  await expect(running).rejects.toMatchObject({ code: 'run/aborted' });
  expect(progress).toBeLessThan(1);
  const before = readFileSync(out);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(Buffer.compare(readFileSync(out), before)).toBe(0);
  closeSync(descriptor);
  await pool.close();
  await source.close!();
});

test('a source that becomes shorter', async () => {
  const tensor = randomTensor('short', [500, 1024]);
  const path = join(folder, 'short');
  await writeFile(path, tensor.bytes);
  const { source } = await openFile(path);
  await truncate(path, 1000);
  const job = { source: inFile(tensor, source, 0), type: 'q8_0' as const, file: 0, offset: 0 };
  await expect(toFile(createTilePool({ threads: 2 }), [job])).rejects.toThrow(
    `${path} could not be read: the file became shorter while it was read.`,
  );
  await source.close!();
});
