import { expect, test } from 'vitest';
import { slowerNotes, unsteadyNotes } from './latency-notes.ts';

const latency = (batch: number, medianMs: number, p95Ms: number, speedup?: number) => ({
  ...{ batch, runs: 50, medianMs, p95Ms },
  ...(speedup !== undefined && { speedup }),
});

test('only a notable slowdown is said, with its reason', () => {
  expect(slowerNotes('float', [latency(1, 2, 2, 0.93)])).toEqual([]);
  expect(slowerNotes('float', [latency(1, 2, 2, 0.5), latency(8, 2, 2, 0.75)])).toEqual([
    'Slower than float at batch 1 (0.50x) and batch 8 (0.75x): this processor computes in float32, so values are converted on the way.',
  ]);
});

test('runs that differ too much are said', () => {
  expect(unsteadyNotes([latency(1, 1, 2), latency(8, 1, 3.9)])).toEqual([]);
  expect(unsteadyNotes([latency(1, 1, 2), latency(8, 1, 5), latency(8, 1, 6)])).toEqual([
    'Timings at batch 8 are unsteady (p95 far above the median): the machine is busy, or the model too small for so many threads. Measure again with --threads 1 or more --runs before you quote a speed.',
  ]);
});
