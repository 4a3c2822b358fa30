import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { everyMetadata, everyTensor } from '../../src/files/gguf/every-type.test-data.ts';
import { memoryFolder, memorySource, openGguf, writeGguf } from '../../src/files/index.ts';
import { LowbitError, seededRandom } from '../../src/tensor/index.ts';
import { openGgufOracle } from '../ggml/gguf-oracle.ts';
import { whyNoOracle } from '../ggml/oracle.ts';

/** Damaged GGUF headers are read or refused as ggml's own reader does; we are stricter in what GGUF itself forbids. */

const ROUNDS = 2000;
/**
 * Texts that are not UTF-8, names with a zero byte (ggml cuts them off there), booleans beyond 0 and 1, axes of 0,
 * data beyond the end of the file (llama.cpp finds that later, when it loads).
 */
const stricter =
  /is not UTF-8|holds a zero byte|is a boolean of|an axis of 0|no file holds that|and tensor '.*' would end at/;
const extremes = [0, 1, 2, 7, 31, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

async function goodFile(): Promise<Uint8Array> {
  const metadata = new Map(everyMetadata);
  // Arrays of arrays are GGUF, but ggml does not read them.
  metadata.delete('lists.nested');
  const folder = memoryFolder();
  const sink = await folder.open('m');
  await writeGguf(sink, { metadata, tensors: everyTensor });
  await sink.commit();
  return folder.files.get('m')!;
}

/** One change within the header. */
function damaged(good: Uint8Array, headerBytes: number, random: () => number): Uint8Array {
  const below = (n: number) => Math.floor(n * random());
  const bytes = Uint8Array.from(good);
  const view = new DataView(bytes.buffer);
  const at = below(headerBytes);
  const value = extremes[below(extremes.length)]!;
  const changes = [
    () => void (bytes[at]! ^= 1 << below(8)),
    () => void (bytes[at] = below(256)),
    () => view.setUint32(at, value, true),
    () => view.setBigUint64(at, BigInt(value) << BigInt(below(40)), true),
  ];
  const change = below(changes.length + 1);
  if (change === changes.length) return bytes.slice(0, at);
  changes[change]!();
  return bytes;
}

test.skipIf(whyNoOracle() !== undefined)(
  'a damaged header is refused exactly when ggml refuses it',
  async () => {
    const oracle = openGgufOracle();
    const good = await goodFile();
    const { tensors } = await openGguf(memorySource(good, 'm'));
    const headerBytes = tensors[0]!.pieces!(0, 1)[0]!.offset;
    const random = seededRandom(11);
    const folder = mkdtempSync(join(tmpdir(), 'lowbit-gguf-'));
    const path = join(folder, 'm.gguf');
    const seen = { both: 0, neither: 0, stricter: 0 };
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const bytes = damaged(good, headerBytes, random);
        const error: unknown = await openGguf(memorySource(bytes, 'm')).then(
          () => undefined,
          (e) => e,
        );
        writeFileSync(path, bytes);
        const theirs = oracle.read(path) !== undefined;
        const why = error instanceof LowbitError ? error.message : 'read by us';
        if (theirs && error !== undefined) {
          expect(why, `round ${round}`).toMatch(stricter);
          seen.stricter++;
        } else {
          expect(error === undefined, `round ${round}: ${why}`).toBe(theirs);
          seen[theirs ? 'both' : 'neither']++;
        }
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    expect(seen.both).toBeGreaterThan(ROUNDS / 50);
    expect(seen.neither).toBeGreaterThan(ROUNDS / 2);
  },
);
