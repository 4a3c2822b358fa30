import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { glyph, SIDE } from './glyphs.ts';

test('the generator gives the pictures that the network was trained on', () => {
  const hash = createHash('sha256');
  const labels: number[] = [];
  for (let i = 0; i < 200; i++) {
    const { label, pixels } = glyph(i, 2);
    expect(pixels.length).toBe(SIDE * SIDE);
    hash.update(pixels);
    labels.push(label);
  }
  expect(labels.slice(0, 8)).toEqual([35, 13, 34, 29, 18, 34, 35, 15]);
  expect(hash.digest('hex')).toBe('4fc45ad73fdea40d7fbfa7e73e40964c6a6258ca1ba7b72b11e338d82ed624c3');
});
