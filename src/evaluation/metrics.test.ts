import { describe, expect, test } from 'vitest';
import type { Batch, Task } from '../data/index.ts';
import { float32, LowbitError, type Tensor, tensor } from '../tensor/index.ts';
import { decisionsOf, type MetricName, measure, metricsOf, thresholdOf } from './metrics.ts';
import { SampleLog } from './sample-log.ts';

function logOf(task: Task, output: Tensor, extra: Partial<Batch>): SampleLog {
  const log = new SampleLog(task, 'out');
  log.update(output, { size: output.dims[0]!, feeds: {}, ...extra });
  return log;
}

const value = (log: SampleLog, name: MetricName) => measure(name, log, thresholdOf(log)).figure.value;

function message(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof LowbitError) return error.message;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('classification', () => {
  // Labels 0..3; the third is second best, the fourth is last.
  const scores = float32(
    [4, 7],
    [...[9, 1, 1, 1, 1, 1, 1], ...[0, 5, 1, 1, 1, 1, 1], ...[0, 7, 5, 1, 1, 1, 1], ...[6, 5, 4, 0, 3, 2, 1]],
  );
  const log = logOf('classification', scores, { labels: Int32Array.of(0, 1, 2, 3) });

  test('top-1, top-5, macro F1', () => {
    expect(metricsOf(log)).toEqual(['top-1', 'top-5', 'f1-macro']);
    expect(value(log, 'top-1')).toBe(0.5);
    expect(value(log, 'top-5')).toBe(0.75);
    // Class 0: one hit of one label and two predictions; class 1 alike; classes 2 and 3 never predicted.
    expect(value(log, 'f1-macro')).toBeCloseTo((2 / 3 + 2 / 3 + 0 + 0) / 4, 12);
    expect(decisionsOf(log, 0)).toEqual([0, 1, 1, 0]);
    expect(measure('top-1', log, 0).perSample).toEqual(Float64Array.of(1, 1, 0, 0));
  });

  test('few classes have no top-5', () => {
    const small = logOf('classification', float32([1, 3], [1, 2, 3]), { labels: Int32Array.of(0) });
    expect(metricsOf(small)).toEqual(['top-1', 'f1-macro']);
  });

  test('of equal scores the first wins', () => {
    const equal = logOf('classification', float32([2, 2], [1, 1, 1, 1]), { labels: Int32Array.of(0, 1) });
    expect(value(equal, 'top-1')).toBe(0.5);
  });

  test('what does not fit is named', () => {
    const one = float32([1, 3], [1, 2, 3]);
    expect(message(() => logOf('classification', one, { labels: Int32Array.of(3) }))).toMatchInlineSnapshot(
      `"Label 3 of sample 0 is out of range: output 'out' has 3 classes, so labels go from 0 to 2. Check the label file, or set the right output in dataset.json."`,
    );
    expect(message(() => logOf('classification', one, { labels: Int32Array.of(-1) }))).toContain('Label -1');
    expect(message(() => logOf('classification', one, {}))).toMatchInlineSnapshot(
      `"Task classification wants one label per sample, but the data has none. Add them to dataset.json, or set its task to 'none' to measure agreement only."`,
    );
    expect(
      message(() => logOf('classification', float32([2, 1], [1, 2]), { labels: Int32Array.of(0, 0) })),
    ).toMatchInlineSnapshot(
      `"Output 'out' has shape [2, 1], but task classification wants [batch, classes] with two classes or more. Name the right output in dataset.json, or correct the task."`,
    );
    expect(message(() => logOf('classification', one, { size: 2, labels: Int32Array.of(0, 0) }))).toContain(
      'one row per sample',
    );
    expect(message(() => measure('mse', log, 0))).toMatchInlineSnapshot(
      `"Metric 'mse' is for regression data, but the task is classification. Leave the metric out, or correct the task in dataset.json."`,
    );
  });
});

describe('binary', () => {
  const labels = Int32Array.of(1, 1, 1, 0, 0);

  test('logits are cut at 0', () => {
    const log = logOf('binary', float32([5, 1], [2, 0.3, -1, 3, -2]), { labels });
    expect(metricsOf(log)).toEqual(['accuracy', 'f1']);
    expect(thresholdOf(log)).toBe(0);
    expect(value(log, 'accuracy')).toBe(0.6);
    expect(value(log, 'f1')).toBeCloseTo(4 / 6, 12); // 2 hits, 3 labels, 3 predictions
  });

  test('probabilities are cut at 0.5', () => {
    const log = logOf('binary', float32([5], [0.9, 0.3, 0.6, 0.7, 0]), { labels });
    expect(thresholdOf(log)).toBe(0.5);
    expect(value(log, 'accuracy')).toBe(0.6);
  });

  test('two columns are compared with each other', () => {
    const log = logOf('binary', float32([5, 2], [0, 1, 0, 1, 0, 1, 1, 0, 0.2, 0.1]), { labels });
    expect(thresholdOf(log)).toBe(0);
    expect(value(log, 'accuracy')).toBe(1);
    expect(value(log, 'f1')).toBe(1);
  });
});

describe('regression', () => {
  const target = float32([2, 2], [1, 2, 3, 4]);

  test('mse and mae', () => {
    const log = logOf('regression', float32([2, 2], [1, 2, 3, 6]), { targets: { out: target } });
    expect(metricsOf(log)).toEqual(['mse', 'mae']);
    expect(value(log, 'mse')).toBe(1);
    expect(value(log, 'mae')).toBe(0.5);
    expect(measure('mse', log, 0).perSample).toEqual(Float64Array.of(0, 2));
  });

  test('targets must be there and fit', () => {
    const out = float32([2, 2], [1, 2, 3, 6]);
    expect(message(() => logOf('regression', out, {}))).toMatchInlineSnapshot(
      `"Task regression wants targets for 'out', but the data has none. Add them to dataset.json, or set its task to 'none' to measure agreement only."`,
    );
    expect(
      message(() => logOf('regression', out, { targets: { out: float32([2], [1, 2]) } })),
    ).toMatchInlineSnapshot(
      `"Output 'out' has shape [2, 2], but task regression wants [2], the targets' shape. Name the right output in dataset.json, or correct the task."`,
    );
  });
});

test('without labels there are decisions, and no metrics', () => {
  const rows = logOf('none', float32([2, 3], [1, 2, 3, 3, 2, 1]), {});
  expect(metricsOf(rows)).toEqual([]);
  expect(decisionsOf(rows, 0)).toEqual([2, 0]);
  const picture = logOf('none', float32([1, 1, 2, 2], [1, 2, 3, 4]), {});
  expect(decisionsOf(picture, 0)).toBeUndefined();
  const ids = logOf('none', tensor('int64', [2], BigInt64Array.of(1n, 2n)), {});
  expect(decisionsOf(ids, 0)).toBeUndefined();
});
