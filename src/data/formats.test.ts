import { deflateRawSync, gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import type { PortInfo } from '../runtime/index.ts';
import {
  type Batch,
  type Dataset,
  type DatasetSpec,
  fileDataFolder,
  memoryDataFolder,
  openDataset,
} from './index.ts';
import { bytesOf, encode, join, npy, wav, zip } from './sample-files.test-data.ts';

/** Every format with a file made here byte by byte, so that the reader is held to the format and not to a writer. */

const port = (name: string, shape: (number | string)[], dtype: PortInfo['dtype'] = 'float32'): PortInfo => ({
  name,
  dtype,
  shape,
});
const x3 = [port('x', ['n', 3])];

async function all(dataset: Dataset, batchSize = 2): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of dataset.batches({ batchSize })) batches.push(batch);
  return batches;
}

/** Values of input x over all batches, and labels. */
async function content(dataset: Dataset): Promise<{ x: number[]; labels: number[] }> {
  const batches = await all(dataset);
  return {
    x: batches.flatMap((b) => Array.from(b.feeds.x!.data as Float32Array, Number)),
    labels: batches.flatMap((b) => [...(b.labels ?? [])]),
  };
}

const open = (files: Record<string, Uint8Array>, ports: PortInfo[], spec?: DatasetSpec) =>
  openDataset(memoryDataFolder(files), ports, { spec });

const rows = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9);

test('raw arrays with labels beside', async () => {
  const files = { 'train.inputs.f32': bytesOf(rows), 'train.labels.u8': Uint8Array.of(2, 0, 1) };
  expect(await content(await open(files, x3))).toEqual({ x: [...rows], labels: [2, 0, 1] });
});

test('NumPy arrays, little and big endian', async () => {
  const big = bytesOf(rows.slice());
  for (let i = 0; i < big.length; i += 4) big.subarray(i, i + 4).reverse();
  for (const array of [npy('<f4', '3, 3', bytesOf(rows)), npy('>f4', '3, 3', big)]) {
    expect((await content(await open({ 'x.npy': array }, x3))).x).toEqual([...rows]);
  }
});

test('npz: arrays by name, stored and deflated, read forwards and back', async () => {
  const array = npy('<f4', '3, 3', bytesOf(rows));
  const archive = zip({
    'x.npy': { data: array, deflated: new Uint8Array(deflateRawSync(array)) },
    'labels.npy': { data: npy('<i8', '3,', bytesOf(BigInt64Array.of(0n, 1n, 2n))) },
  });
  const dataset = await open({ 'set.npz': archive }, x3);
  expect(await content(dataset)).toEqual({ x: [...rows], labels: [0, 1, 2] });
  expect((await content(dataset)).x).toEqual([...rows]);
  expect(dataset.guesses).toEqual(["array 'labels' of set.npz holds the labels"]);
});

test('IDX, gzipped, big endian', async () => {
  const header = Uint8Array.of(0, 0, 11, 2, 0, 0, 0, 2, 0, 0, 0, 3);
  const data = Uint8Array.of(0, 1, 0, 2, 0, 3, 1, 0, 0, 5, 255, 255);
  const files = { 'x.idx.gz': new Uint8Array(gzipSync(join(header, data))) };
  expect((await content(await open(files, x3))).x).toEqual([1, 2, 3, 256, 5, -1]);
});

test('CIFAR-10 records: label, then planes', async () => {
  const record = (label: number, red: number) => {
    const bytes = new Uint8Array(3073).fill(red, 1, 1025);
    bytes[0] = label;
    return bytes;
  };
  const dataset = await open({ 'test_batch.bin': join(record(7, 255), record(1, 51)) }, [
    port('x', ['n', 3, 32, 32]),
  ]);
  const { x, labels } = await content(dataset);
  expect(labels).toEqual([7, 1]);
  expect([x[0], x[1024], x[3072]]).toEqual([1, 0, Math.fround(0.2)]);
});

test('safetensors', async () => {
  const header = encode(JSON.stringify({ x: { dtype: 'F32', shape: [3, 3], data_offsets: [0, 36] } }));
  const length = bytesOf(BigUint64Array.of(BigInt(header.length)));
  const dataset = await open({ 'a.safetensors': join(length, header, bytesOf(rows)) }, x3);
  expect((await content(dataset)).x).toEqual([...rows]);
});

test('tables: columns of features, label words', async () => {
  const spec: DatasetSpec = {
    inputs: { x: { file: 'a.tsv', columns: ['a', 'b', 'c'] } },
    labels: { file: 'a.tsv', key: 'kind' },
    labelNames: ['cat', 'dog'],
  };
  const files = { 'a.tsv': encode('a\tkind\tb\tc\n1\tdog\t2\t3\r\n4\tcat\t5\t6\n') };
  expect(await content(await open(files, x3, spec))).toEqual({ x: [1, 2, 3, 4, 5, 6], labels: [1, 0] });
});

test('token ids: padded to the longest of the batch, masked, cut', async () => {
  const ports = [port('input_ids', ['n', 's'], 'int64'), port('attention_mask', ['n', 's'], 'int64')];
  const lines = encode('[[5, 6, 7], 1]\n[[8], 0]\n[[9, 9], 1]\n');
  const text = encode('[[[5, 6, 7], 1], [[8], 0], [[9, 9], 1]]');
  const table = encode('5 6 7\t1\n8\t0\n9 9\t1\n');
  const tsv: DatasetSpec = {
    inputs: { input_ids: { file: 'a.tsv', key: 0 } },
    labels: { file: 'a.tsv', key: 1 },
  };
  for (const dataset of [
    await open({ 'a.jsonl': lines }, ports),
    await open({ 'a.json': text }, ports),
    await open({ 'a.tsv': table }, ports, tsv),
  ]) {
    const [first, second] = await all(dataset);
    expect(first!.feeds.input_ids).toEqual({
      dtype: 'int64',
      dims: [2, 3],
      data: BigInt64Array.of(5n, 6n, 7n, 8n, 0n, 0n),
    });
    expect(first!.feeds.attention_mask!.data).toEqual(BigInt64Array.of(1n, 1n, 1n, 1n, 0n, 0n));
    expect(second!.feeds.input_ids!.dims).toEqual([1, 2]);
    expect([...first!.labels!, ...second!.labels!]).toEqual([1, 0, 1]);
  }
  const cut: DatasetSpec = { inputs: { input_ids: { file: 'a.json', length: 2, pad: 1 } } };
  const [short] = await all(await open({ 'a.json': text }, ports, cut));
  expect(short!.feeds.input_ids!.data).toEqual(BigInt64Array.of(5n, 6n, 8n, 1n));
});

test('sound of every width, in windows that overlap', async () => {
  const files: [Uint8Array, number[]][] = [
    [wav(8, 1, 1, Uint8Array.of(128, 192, 64, 128)), [0, 0.5, -0.5, 0]],
    [wav(16, 1, 1, bytesOf(Int16Array.of(0, 16384, -16384, 0))), [0, 0.5, -0.5, 0]],
    [wav(24, 1, 1, Uint8Array.of(0, 0, 0, 0, 0, 64, 0, 0, 192, 0, 0, 0)), [0, 0.5, -0.5, 0]],
    [wav(32, 1, 1, bytesOf(Int32Array.of(0, 2 ** 30, -(2 ** 30), 0))), [0, 0.5, -0.5, 0]],
    [wav(32, 3, 2, bytesOf(Float32Array.of(0, 0, 1, 0, -1, 0, 0, 0))), [0, 0.5, -0.5, 0]],
  ];
  for (const [file, [a, b, c, d]] of files) {
    const spec: DatasetSpec = { inputs: { x: { file: 'a.wav', window: 3, hop: 1, padStart: 1 } } };
    expect((await content(await open({ 'a.wav': file }, x3, spec))).x).toEqual([0, a, b, a, b, c, b, c, d]);
  }
});

test('ONNX tensors', async () => {
  const raw = bytesOf(rows.subarray(0, 6));
  const proto = join(Uint8Array.of(0x08, 2, 0x08, 3, 0x10, 1, 0x42, 1, 120, 0x4a, raw.length), raw);
  expect((await content(await open({ 'input_0.pb': proto }, x3))).x).toEqual([1, 2, 3, 4, 5, 6]);
});

test('first and last bytes of files in class folders', async () => {
  const spec: DatasetSpec = {
    inputs: { x: { file: '.', format: 'bytes', head: 2, tail: 1, pad: 256 } },
    labels: { folders: true },
  };
  const files = { 'a/1': Uint8Array.of(1, 2, 3, 4), 'b/1': Uint8Array.of(9) };
  const dataset = await open(files, [port('x', ['n', 3], 'int32')], spec);
  expect(await content(dataset)).toEqual({ x: [1, 2, 4, 9, 256, 9], labels: [0, 1] });
  expect(dataset.labelNames).toEqual(['a', 'b']);
});

test('files one after another, a split, a cap, targets', async () => {
  const spec: DatasetSpec = {
    inputs: { x: { file: ['a.f32', 'b.f32'], shape: [3] } },
    targets: { y: { file: 't.f32', shape: [1] } },
    splits: { tail: [1, 4] },
  };
  const files = {
    'a.f32': bytesOf(rows),
    'b.f32': bytesOf(rows.slice(0, 3)),
    't.f32': bytesOf(Float32Array.of(1, 2, 3, 4)),
  };
  const dataset = await open(files, x3, spec);
  expect([dataset.size, dataset.task]).toEqual([4, 'regression']);
  const [, second] = await all(dataset, 2);
  expect([...(second!.feeds.x!.data as Float32Array)]).toEqual([7, 8, 9, 1, 2, 3]);
  expect([...(second!.targets!.y!.data as Float32Array)]).toEqual([3, 4]);
  const capped = await openDataset(memoryDataFolder(files), x3, { spec, samples: 2 });
  expect(capped.size).toBe(2);
});

test('a fixed batch is filled up with the last sample, and size tells how many count', async () => {
  const dataset = await open({ 'x.f32': bytesOf(rows) }, [port('x', [2, 3])]);
  const [, last] = await all(dataset, 8);
  expect([last!.size, last!.feeds.x!.dims]).toEqual([1, [2, 3]]);
  expect([...(last!.feeds.x!.data as Float32Array)]).toEqual([7, 8, 9, 7, 8, 9]);
});

async function png(
  height: number,
  width: number,
  color: { r: number; g: number; b: number },
): Promise<Uint8Array> {
  return sharp({ create: { width, height, channels: 3, background: color } })
    .png()
    .toBuffer();
}

test('pictures in class folders: RGB, stretched to the input, BGR when asked', async () => {
  const files = {
    'cat/1.png': await png(8, 6, { r: 255, g: 0, b: 51 }),
    'dog/1.png': await png(4, 4, { r: 0, g: 255, b: 0 }),
  };
  const ports = [port('x', ['n', 3, 4, 4])];
  const dataset = await open(files, ports);
  const { x, labels } = await content(dataset);
  expect([labels, dataset.labelNames]).toEqual([
    [0, 1],
    ['cat', 'dog'],
  ]);
  const centres = [0, 1, 2, 3, 4, 5].map((plane) => x[plane * 16 + 5]);
  expect(centres).toEqual([1, 0, Math.fround(0.2), 0, 1, 0]);
  expect(dataset.guesses).toMatchInlineSnapshot(`
    [
      "pictures are stretched to 4 x 4 (height x width), in RGB",
      "the folders that the pictures lie in are their classes, by name",
      "pixels of 'x' are divided by 255, with no mean and std: dataset.json can say otherwise",
    ]
  `);

  const input = { file: '.', format: 'images', resize: [4, 4], channels: 'BGR', scale: '1/255' } as const;
  const spec = { inputs: { x: { ...input, resize: [4, 4] as [number, number] } }, labels: { folders: true } };
  const bgr = await content(await open(files, ports, spec));
  expect([bgr.x[0], bgr.x[16], bgr.x[32]]).toEqual([Math.fround(0.2), 0, 1]);
});

test('pictures that a table names, cut from the centre, grey', async () => {
  const files = {
    'b.png': await png(8, 16, { r: 255, g: 255, b: 255 }),
    'a.png': await png(8, 8, { r: 0, g: 0, b: 0 }),
    'list.tsv': encode('file\tkind\nb.png\t1\na.png\t0\n'),
  };
  const spec: DatasetSpec = {
    inputs: {
      x: { file: 'list.tsv', format: 'images', key: 'file', resize: 6, crop: [4, 4], channels: 'gray' },
    },
    labels: { file: 'list.tsv', key: 'kind' },
  };
  const { x, labels } = await content(await open(files, [port('x', ['n', 1, 4, 4])], spec));
  expect([x.length, x[0], x[16], labels]).toEqual([32, 255, 0, [1, 0]]);
});

test('a batch reads its own bytes and no others', async () => {
  const inner = memoryDataFolder({ 'x.f32': new Uint8Array(4 * 3 * 1000) });
  const reads: string[] = [];
  const counting = {
    ...inner,
    async open(path: string) {
      const source = await inner.open(path);
      const read = (at: number, n: number) => {
        reads.push(`${at}+${n}`);
        return source.read(at, n);
      };
      return { ...source, read };
    },
  };
  const dataset = await openDataset(counting, x3);
  expect(reads).toEqual([]);
  for await (const _ of dataset.batches({ batchSize: 10, start: 100, end: 115 })) void _;
  expect(reads).toEqual(['1200+120', '1320+60']);
});

test('reading stops when asked', async () => {
  const dataset = await open({ 'x.f32': bytesOf(rows) }, x3);
  const controller = new AbortController();
  const iterate = async () => {
    for await (const _ of dataset.batches({ batchSize: 1, signal: controller.signal })) controller.abort();
  };
  await expect(iterate()).rejects.toMatchObject({ code: 'run/aborted', exitCode: 130 });
});

test('a model without a batch axis is fed one sample at a time', async () => {
  const dataset = await open({ 'x.f32': bytesOf(rows) }, [port('x', [3])], {
    inputs: { x: { file: 'x.f32', shape: [3] } },
  });
  const batches = await all(dataset, 8);
  expect(batches.map((b) => [b.size, b.feeds.x!.dims])).toEqual([
    [1, [3]],
    [1, [3]],
    [1, [3]],
  ]);
});

test('mean and std per feature; 16-bit floats; element types of inputs', async () => {
  const spec: DatasetSpec = { inputs: { x: { file: 'x.f32', shape: [3], mean: [1, 2, 3], std: [1, 2, 4] } } };
  const { x } = await content(await open({ 'x.f32': bytesOf(rows) }, x3, spec));
  expect(x).toEqual([0, 0, 0, 3, 1.5, 0.75, 6, 3, 1.5]);
  const half = { 'x.f16': Uint8Array.of(0, 0x3c, 0, 0x40, 0, 0xc0) }; // 1, 2, -2
  expect((await content(await open(half, x3))).x).toEqual([1, 2, -2]);
  const bytes = { 'x.u8': Uint8Array.of(0, 1, 255) };
  const fed: Record<string, unknown> = {};
  for (const dtype of ['int64', 'int32', 'uint8', 'bool', 'float64', 'float16', 'bfloat16'] as const) {
    const [batch] = await all(
      await open(bytes, [port('x', ['n', 3], dtype)], { inputs: { x: { file: 'x.u8' } } }),
    );
    fed[dtype] = Array.from(batch!.feeds.x!.data as Float32Array, Number);
  }
  expect(fed).toEqual({
    int64: [0, 1, 255],
    int32: [0, 1, 255],
    uint8: [0, 1, 255],
    bool: [0, 1, 1],
    float64: [0, 1, 255],
    float16: [0, 0x3c00, 0x5bf8],
    bfloat16: [0, 0x3f80, 0x437f],
  });
});

test('files that a page was given', async () => {
  const chosen = [
    new File([bytesOf(rows) as Uint8Array<ArrayBuffer>], 'train.inputs.f32'),
    new File([Uint8Array.of(2, 0, 1)], 'train.labels.u8'),
  ];
  const dataset = await openDataset(fileDataFolder(chosen), x3);
  expect(await content(dataset)).toEqual({ x: [...rows], labels: [2, 0, 1] });
});
