import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import type { PortInfo } from '../runtime/index.ts';
import { type Batch, type Dataset, type DatasetSpec, openDataset } from './index.ts';

const assets = process.env.LOWBIT_ASSETS ?? resolve(import.meta.dirname, '../../../shared/assets');
const withAssets = test.skipIf(!existsSync(assets));

const port = (name: string, shape: (number | string)[], dtype: PortInfo['dtype'] = 'float32'): PortInfo => ({
  name,
  dtype,
  shape,
});
const cifar: PortInfo[] = [port('input', ['batch', 3, 32, 32])];
const tokens = [
  port('input_ids', ['batch', 'seq'], 'int64'),
  port('attention_mask', ['batch', 'seq'], 'int64'),
];

async function firstBatch(dataset: Dataset, batchSize: number): Promise<Batch> {
  for await (const batch of dataset.batches({ batchSize })) return batch;
  throw new Error('no batch');
}

const describeBatch = (batch: Batch) =>
  Object.entries(batch.feeds)
    .map(
      ([name, t]) =>
        `${name}: ${t.dtype} [${t.dims.join(', ')}] = ${Array.from(t.data as Float32Array).slice(0, 4)}`,
    )
    .join('\n');

withAssets('CIFAR pictures as raw bytes, channels last, normalised', async () => {
  const spec: DatasetSpec = {
    inputs: {
      input: {
        file: 'calib-1000.images.u8',
        shape: [32, 32, 3],
        layout: 'NHWC',
        scale: '1/255',
        mean: [0.4914, 0.4822, 0.4465],
        std: [0.247, 0.2435, 0.2616],
      },
    },
    labels: { file: 'calib-1000.labels.u8' },
  };
  const data = await openDataset(join(assets, 'cifar10'), cifar, { spec });
  expect({ size: data.size, task: data.task, guesses: data.guesses }).toEqual({
    size: 1000,
    task: 'classification',
    guesses: [],
  });
  const raw = await openDataset(join(assets, 'cifar10/calib-1000.images.u8'), cifar);
  const [normalised, guessed] = [await firstBatch(data, 3), await firstBatch(raw, 3)];
  expect(normalised.labels).toHaveLength(3);
  const [a, b] = [normalised.feeds.input!.data as Float32Array, guessed.feeds.input!.data as Float32Array];
  const plane = 32 * 32;
  for (const c of [0, 1, 2]) {
    const i = plane * 3 + c * plane + 77; // second picture
    const expected = (b[i]! - [0.4914, 0.4822, 0.4465][c]!) / [0.247, 0.2435, 0.2616][c]!;
    expect(a[i]).toBeCloseTo(expected, 5);
  }
  expect(raw.guesses).toMatchInlineSnapshot(`
    [
      "pixels of calib-1000.images.u8 are taken as stored [height, width, channel]",
      "labels are read from calib-1000.labels.u8",
      "pixels of 'input' are divided by 255, with no mean and std: dataset.json can say otherwise",
    ]
  `);
});

withAssets('MNIST in gzipped IDX: size, pixels and labels', async () => {
  const data = await openDataset(join(assets, 'mnist/t10k-images-idx3-ubyte.gz'), [
    port('Input3', [1, 1, 28, 28]),
  ]);
  expect({ size: data.size, fixedBatch: data.fixedBatch, guesses: data.guesses }).toMatchInlineSnapshot(`
    {
      "fixedBatch": 1,
      "guesses": [
        "labels are read from t10k-labels-idx1-ubyte.gz",
        "pixels of 'Input3' are divided by 255, with no mean and std: dataset.json can say otherwise",
      ],
      "size": 10000,
    }
  `);
  const labels: number[] = [];
  for await (const batch of data.batches({ batchSize: 8, start: 9990 })) labels.push(...batch.labels!);
  expect(labels).toEqual([7, 8, 9, 0, 1, 2, 3, 4, 5, 6]);
});

withAssets('token ids with their mask', async () => {
  const data = await openDataset(join(assets, 'sst2-encoder/tokens_dev.json'), tokens);
  expect({ size: data.size, task: data.task, guesses: data.guesses }).toMatchInlineSnapshot(`
    {
      "guesses": [
        "labels lie in tokens_dev.json beside the inputs",
        "'attention_mask' is 1 where 'input_ids' has a token, 0 where it is filled up",
        "shorter rows of 'input_ids' are filled with 0",
      ],
      "size": 872,
      "task": "classification",
    }
  `);
  const batch = await firstBatch(data, 2);
  expect(describeBatch(batch)).toMatchInlineSnapshot(`
    "attention_mask: int64 [2, 36] = 1,1,1,1
    input_ids: int64 [2, 36] = 1,442,787,5575"
  `);
  const mask = Array.from(batch.feeds.attention_mask!.data as BigInt64Array, Number);
  expect(mask.slice(0, 10)).toEqual([1, 1, 1, 1, 1, 1, 1, 0, 0, 0]);
});

withAssets('sound in windows with a state and a rate that are constant', async () => {
  const vad = [port('input', ['', '']), port('state', [2, '', 128]), port('sr', [], 'int64')];
  const spec: DatasetSpec = {
    inputs: {
      input: { file: 'test.wav', window: 576, hop: 512, padStart: 64, sampleRate: 16000 },
      state: { value: 0, fill: [2, 'batch', 128] },
      sr: { value: 16000 },
    },
  };
  const data = await openDataset(join(assets, 'silero-vad'), vad, { spec });
  expect({ size: data.size, task: data.task }).toEqual({ size: 1875, task: 'none' });
  const batch = await firstBatch(data, 4);
  const shapes = Object.fromEntries(Object.entries(batch.feeds).map(([k, t]) => [k, t.dims]));
  expect(shapes).toEqual({ input: [4, 576], state: [2, 4, 128], sr: [] });
  const sound = batch.feeds.input!.data as Float32Array;
  expect(sound.slice(0, 64).every((v) => v === 0)).toBe(true);
  // The context of the second window is the end of the first.
  expect([...sound.slice(576, 576 + 64)]).toEqual([...sound.slice(512, 576)]);
});

withAssets('bytes of files in class folders', async () => {
  const { target_labels_space: names } = JSON.parse(
    await (await import('node:fs/promises')).readFile(join(assets, 'magika/config.min.json'), 'utf8'),
  );
  const spec: DatasetSpec = {
    inputs: { bytes: { file: 'files', format: 'bytes', head: 1024, tail: 1024, pad: 256 } },
    labels: { folders: true },
    labelNames: [...names, 'empty'],
  };
  const data = await openDataset(join(assets, 'magika'), [port('bytes', ['n', 2048], 'int32')], { spec });
  const batch = await firstBatch(data, 2);
  expect(batch.feeds.bytes!.dims).toEqual([2, 2048]);
  expect(data.labelNames![batch.labels![0]!]).toBe('csv');
});

withAssets('tensors of ONNX test data and of NumPy archives', async () => {
  const picture = await openDataset(join(assets, 'super-resolution/input_0.pb'), [
    port('input', ['b', 1, 224, 224]),
  ]);
  expect((await firstBatch(picture, 8)).feeds.input!.dims).toEqual([1, 1, 224, 224]);
  const weights = await openDataset(join(assets, 'g2p-en/checkpoint20.npz'), [port('enc_emb', ['n', 256])]);
  expect(describeBatch(await firstBatch(weights, 2))).toMatchInlineSnapshot(
    `"enc_emb: float32 [2, 256] = 1.858091115951538,-0.6941059231758118,0.2716710865497589,-1.520880937576294"`,
  );
});
