import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { convertCheckpoint } from 'lowbit/architectures';
import { describe, expect, test } from 'vitest';
import { openLlamaModel } from '../ggml/llama-model.ts';
import { whyNoOracle } from '../ggml/oracle.ts';
import { goldenLogits, readCase, type StoredFloat, tinyCheckpoint } from './tiny-checkpoint.ts';
import { withGguf } from './written-gguf.ts';

/**
 * Whether conversion is right, not only loadable: a tiny random checkpoint of every family, and every setting that
 * its row looks at; llama.cpp's logits on our GGUF against those of transformers in float32.
 */
const cases = readdirSync(join(import.meta.dirname, '../golden/decoders'))
  .filter((file) => file.endsWith('.json'))
  .map((file) => file.replace('.json', ''));

/** Of the largest logit: the order of sums. */
const LARGEST_DIFFERENCE = 1e-5;
/** ggml looks gelu up in a table of 16-bit floats, which transformers computes. */
const LARGEST_WITH_GELU = 1e-3;

const why = whyNoOracle();
if (why !== undefined) console.warn(`Logits are not compared with llama.cpp's: ${why}.`);

/** Largest difference of any logit, relative to the largest of them. */
async function differenceOf(name: string, type: StoredFloat): Promise<number> {
  const given = readCase(name);
  const model = await convertCheckpoint(await tinyCheckpoint(given, type), { vocabulary: false });
  return withGguf(model, (path) => {
    const llama = openLlamaModel(path);
    try {
      const got = llama.logits(given.ids);
      let [difference, largest] = [0, 0];
      for (const [position, wanted] of goldenLogits(given)) {
        expect(got[position]!.length).toBe(wanted.length);
        wanted.forEach((value, i) => {
          largest = Math.max(largest, Math.abs(value));
          difference = Math.max(difference, Math.abs(got[position]![i]! - value));
        });
      }
      return difference / largest;
    } finally {
      llama.close();
    }
  });
}

describe.skipIf(why !== undefined)('logits of llama.cpp and transformers agree', () => {
  test.for(cases)('%s', async (name) => {
    const difference = await differenceOf(name, 'float32');
    if (process.env.LOWBIT_SHOW) console.log(name, difference.toExponential(1));
    expect(difference).toBeLessThan(/gemma|gpt2|phi2/.test(name) ? LARGEST_WITH_GELU : LARGEST_DIFFERENCE);
  });
});
