import { expect, test } from 'vitest';
import { float32, int64, LowbitError } from '../tensor/index.ts';
import { arrayDataset, type Batch, type Dataset, generatedDataset } from './index.ts';

async function all(
  dataset: Dataset,
  options: { batchSize: number; start?: number; end?: number },
): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of dataset.batches(options)) batches.push(batch);
  return batches;
}

const x = float32([3, 2], [1, 2, 3, 4, 5, 6]);

test('tensors in memory, in batches', async () => {
  const dataset = arrayDataset({
    inputs: { x, ids: int64([3], [7, 8, 9]) },
    labels: [0, 1, 0],
    labelNames: ['a', 'b'],
  });
  expect([dataset.size, dataset.task, dataset.labelNames]).toEqual([3, 'classification', ['a', 'b']]);
  expect(await all(dataset, { batchSize: 2 })).toEqual([
    {
      size: 2,
      feeds: { x: float32([2, 2], [1, 2, 3, 4]), ids: int64([2], [7, 8]) },
      labels: Int32Array.of(0, 1),
    },
    { size: 1, feeds: { x: float32([1, 2], [5, 6]), ids: int64([1], [9]) }, labels: Int32Array.of(0) },
  ]);
  const [middle] = await all(dataset, { batchSize: 8, start: 1, end: 2 });
  expect(middle!.feeds.x).toEqual(float32([1, 2], [3, 4]));
});

test('samples computed when asked for, stacked', async () => {
  const asked: number[] = [];
  const dataset = generatedDataset({
    name: 'ramps',
    size: 3,
    sample(i) {
      asked.push(i);
      return { inputs: { x: float32([2], [i, i + 1]) }, label: i % 2 };
    },
  });
  const [first] = await all(dataset, { batchSize: 2, end: 2 });
  expect(first).toEqual({
    size: 2,
    feeds: { x: float32([2, 2], [0, 1, 1, 2]) },
    labels: Int32Array.of(0, 1),
  });
  expect(asked).toEqual([0, 1]);
});

test('a fixed batch is filled up', async () => {
  const [, last] = await all(arrayDataset({ inputs: { x }, fixedBatch: 2 }), { batchSize: 8 });
  expect([last!.size, last!.feeds.x]).toEqual([1, float32([2, 2], [5, 6, 5, 6])]);
});

test('what does not fit together is refused', () => {
  const refusals = [
    () => arrayDataset({ inputs: { x }, labels: [1] }),
    () => arrayDataset({ inputs: {} }),
  ].map((make) => {
    try {
      make();
    } catch (error) {
      if (error instanceof LowbitError) return error.message;
    }
    return 'taken';
  });
  expect(refusals).toMatchInlineSnapshot(`
    [
      "'x' holds 3 samples, but the label list holds 1. Every array of a dataset wants one row per sample; check that the files belong together.",
      "The dataset arrays in memory has no samples. Give it at least one; calibration works best with 100 to 1000.",
    ]
  `);
});
