import { deflateRawSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { PortInfo } from '../runtime/index.ts';
import { LowbitError, seededRandom } from '../tensor/index.ts';
import { memoryDataFolder, openDataset } from './index.ts';
import { bytesOf, encode, join, npy, safetensors, wav, zip } from './sample-files.test-data.ts';

/**
 * Damaged files of every format: each is read, or refused by name. Nothing else is thrown, nothing hangs and
 * no memory is taken on a file's say-so.
 */

const rows = bytesOf(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9));
const x: PortInfo[] = [{ name: 'x', dtype: 'float32', shape: ['n', 3] }];
const ids: PortInfo[] = [{ name: 'x', dtype: 'int64', shape: ['n', 's'] }];
const array = npy('<f4', '3, 3', rows);

const files: Record<string, { bytes: Uint8Array; ports: PortInfo[] }> = {
  'a.npy': { bytes: array, ports: x },
  'a.npz': {
    bytes: zip({ 'x.npy': { data: array, deflated: new Uint8Array(deflateRawSync(array)) } }),
    ports: x,
  },
  'a.idx': { bytes: join(Uint8Array.of(0, 0, 13, 2, 0, 0, 0, 3, 0, 0, 0, 3), rows), ports: x },
  'a.idx.gz': {
    bytes: new Uint8Array(gzipSync(join(Uint8Array.of(0, 0, 13, 2, 0, 0, 0, 3, 0, 0, 0, 3), rows))),
    ports: x,
  },
  'a.safetensors': {
    bytes: safetensors({ x: { dtype: 'F32', shape: [3, 3], data_offsets: [0, 36] } }, rows),
    ports: x,
  },
  'a.pb': { bytes: join(Uint8Array.of(0x08, 3, 0x08, 3, 0x10, 1, 0x4a, 36), rows), ports: x },
  'a.wav': { bytes: wav(16, 1, 1, bytesOf(Int16Array.of(1, 2, 3, 4, 5, 6))), ports: x },
  'a.json': { bytes: encode('[[[5, 6, 7], 1], [[8], 0], [[9, 9], 1]]'), ports: ids },
  'a.jsonl': { bytes: encode('[[5, 6, 7], 1]\n[[8], 0]\n[[9, 9], 1]\n'), ports: ids },
};

/** Whole numbers below a bound, the same in every run. */
function random(seed: number): (below: number) => number {
  const next = seededRandom(seed);
  return (below) => Math.floor(next() * below);
}

function* damaged(bytes: Uint8Array, seed: number): Generator<Uint8Array> {
  for (let length = 0; length < bytes.length; length += Math.max(1, bytes.length >> 6))
    yield bytes.slice(0, length);
  const next = random(seed);
  for (let i = 0; i < 150; i++) {
    const copy = bytes.slice();
    for (let flips = 1 + next(3); flips > 0; flips--)
      copy[next(copy.length)] = next(4) === 0 ? 255 : next(256);
    yield copy;
  }
}

test.each(Object.keys(files))('%s', async (name) => {
  const { bytes, ports } = files[name]!;
  const outcomes = { read: 0, refused: 0 };
  for (const [index, copy] of [...damaged(bytes, name.length * 7919)].entries()) {
    try {
      const dataset = await openDataset(memoryDataFolder({ [name]: copy }), ports);
      let batches = 0;
      for await (const _ of dataset.batches({ batchSize: 2 })) if (++batches === 8) break;
      outcomes.read++;
    } catch (error) {
      if (!(error instanceof LowbitError)) {
        throw new Error(`damage ${index} of ${name} was not refused by name`, { cause: error });
      }
      outcomes.refused++;
    }
  }
  expect(outcomes.refused).toBeGreaterThan(10);
  // The file itself is fine.
  const whole = await openDataset(memoryDataFolder({ [name]: bytes }), ports);
  expect(whole.size).toBeGreaterThan(0);
});
