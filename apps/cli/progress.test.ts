import { expect, test } from 'vitest';
import { progressText } from './progress.ts';

test('rate and remaining time', () => {
  const step = { type: 'progress', label: 'calibrate', unit: 'samples', total: 1000 } as const;
  expect([0, 250, 1000].map((done) => progressText({ ...step, done }, 500))).toEqual([
    'calibrate: 0 of 1,000 samples',
    'calibrate: 250 of 1,000 samples, 500/s, 1.5 s left',
    'calibrate: 1,000 of 1,000 samples, 2000/s',
  ]);
  const bytes = { type: 'progress', label: 'write', unit: 'bytes', done: 5e6, total: 2e7 } as const;
  expect(progressText(bytes, 100)).toBe('write: 5.00 MB of 20.0 MB, 50.0 MB/s, 0.3 s left');
});
