import { expect, test } from 'vitest';
import { nearest } from './nearest.ts';

test('the name that a typing error meant', () => {
  const known = ['calibrate', 'evaluate', 'to', 'equalize', 'calibration-samples', 'json'];
  const guesses = ['calbrate', 'claibrate', 'evalute', 'calibration', 'jsno', 'tto', 'zebra'];
  expect(guesses.map((name) => nearest(name, known))).toEqual([
    'calibrate',
    'calibrate',
    'evaluate',
    'calibrate',
    'json',
    'to',
    undefined,
  ]);
});
