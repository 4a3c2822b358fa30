import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { convert, evaluate, inspect, quantize } from 'lowbit';
import { LowbitError, seededRandom } from 'lowbit/tensor';
import { afterAll, beforeAll, expect, test } from 'vitest';

/**
 * Damaged files are refused by name, and a refusal leaves no file open: a server that looks at many files would
 * run out of descriptors.
 */

const glyphs = new URL('../../examples/glyphs/glyphs.onnx', import.meta.url).pathname;
const DESCRIPTORS = '/proc/self/fd';
const ROUNDS = 40;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lowbit-open-'));
});
afterAll(() => rm(folder, { recursive: true }));

const openFiles = () => (existsSync(DESCRIPTORS) ? readdirSync(DESCRIPTORS).length : 0);

/** A copy with a few bytes changed; half of them in the header of a container. */
function damaged(good: Uint8Array, random: () => number): Uint8Array {
  const bytes = Uint8Array.from(good);
  const header = Number(new DataView(bytes.buffer).getBigUint64(0, true)) + 8;
  for (let i = 0; i < 3; i++) {
    const within = random() < 0.5 && header < bytes.length ? header : bytes.length;
    bytes[Math.floor(random() * within)] = Math.floor(random() * 256);
  }
  return random() < 0.2 ? bytes.subarray(0, Math.floor(random() * bytes.length)) : bytes;
}

const uses: Readonly<Record<string, (model: string) => Promise<unknown>>> = {
  inspect: (model) => inspect(model),
  'convert to onnx': (model) =>
    convert({ model, to: 'onnx', output: join(folder, 'back.onnx'), force: true }),
  'convert to lowbit': (model) =>
    convert({ model, to: 'lowbit', output: join(folder, 'back.lowbit'), force: true }),
  evaluate: (model) =>
    evaluate({ model, data: join(folder, 'no-such-data'), measure: { runs: 0, memory: false } }),
};

test.each(['damaged.lowbit', 'damaged.onnx'])('%s: named errors, and nothing stays open', async (name) => {
  const whole = join(folder, `whole-${name}`);
  const measure = { runs: 0, memory: false };
  await quantize({ model: glyphs, to: 'format:nf4/64+double', output: whole, measure });
  const good = new Uint8Array(await readFile(whole));
  const random = seededRandom(7);
  const model = join(folder, name);
  let refused = 0;
  for (let round = 0; round < ROUNDS; round++) {
    await writeFile(model, damaged(good, random));
    for (const [use, run] of Object.entries(uses)) {
      const before = openFiles();
      const error = await run(model).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      if (error === undefined) continue;
      expect([use, error instanceof LowbitError ? '' : error]).toEqual([use, '']);
      expect([use, error, Math.max(0, openFiles() - before)]).toEqual([use, error, 0]);
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(ROUNDS);
});
