import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type ConvertedCheckpoint, convertCheckpoint, convertLlama2c } from 'lowbit/architectures';
import { openFile } from 'lowbit/files';
import { getLlama, type Llama, LlamaLogLevel } from 'node-llama-cpp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openLlamaModel } from '../ggml/llama-model.ts';
import { whyNoOracle } from '../ggml/oracle.ts';
import { withGguf } from './written-gguf.ts';

/**
 * Trained models end to end: converted, loaded by llama.cpp, and the same as transformers in what they expect of a
 * text and in what they write. Golden values: test/golden/real-models/make-real-models.py.
 */
interface Golden {
  readonly text: string;
  readonly ids: readonly number[];
  /** Mean negative log-likelihood of the tokens after the first. */
  readonly loss: number;
  /** Position -> the largest logits, [token, logit]. */
  readonly positions: Readonly<Record<string, readonly (readonly [number, number])[]>>;
  readonly prompt: string;
  readonly promptIds: readonly number[];
  readonly written: string;
  readonly writtenIds: readonly number[];
}

const golden: Readonly<Record<string, Golden>> = JSON.parse(
  readFileSync(join(import.meta.dirname, '../golden/real-models/real.json'), 'utf8'),
);

const assets = process.env.LOWBIT_ASSETS ?? resolve(import.meta.dirname, '../../../shared/assets');
const place = (...path: string[]) => join(assets, ...path);

const models: Readonly<Record<string, () => Promise<ConvertedCheckpoint>>> = {
  'lm-4m': async () => convertCheckpoint((await openFile(place('lm-4m', 'config.json'))).siblings),
  'lm-35m': async () => convertCheckpoint((await openFile(place('lm-35m', 'config.json'))).siblings),
  stories260k: async () =>
    convertLlama2c({
      model: (await openFile(place('stories260k', 'stories260K.bin'))).source,
      tokenizer: (await openFile(place('stories260k', 'tok512.bin'))).source,
    }),
};

const why = whyNoOracle() ?? (existsSync(place('lm-4m')) ? undefined : `there are no models at ${assets}`);
if (why !== undefined) console.warn(`Trained models are not converted: ${why}.`);

/** Mean negative log-likelihood of the tokens after the first, in float64. */
function lossOf(logits: readonly Float32Array[], ids: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i + 1 < ids.length; i++) {
    const row = logits[i]!;
    const top = row.reduce((a, b) => Math.max(a, b));
    let total = 0;
    for (const value of row) total += Math.exp(value - top);
    sum += Math.log(total) + top - row[ids[i + 1]!]!;
  }
  return sum / (ids.length - 1);
}

let llama: Llama | undefined;
afterAll(async () => llama?.dispose());

describe.skipIf(why !== undefined).for(Object.keys(models))('%s', (name) => {
  const wanted = golden[name]!;
  let model: ConvertedCheckpoint;

  beforeAll(async () => {
    llama ??= await getLlama({
      gpu: false,
      build: 'never',
      skipDownload: true,
      logLevel: LlamaLogLevel.error,
    });
    model = await models[name]!();
  });
  afterAll(async () => {
    await model?.close();
  });

  test('expects of a text what it expects in transformers', async () => {
    await withGguf(model, (path) => {
      const opened = openLlamaModel(path);
      const logits = opened.logits(wanted.ids);
      for (const [position, top] of Object.entries(wanted.positions)) {
        const scale = Math.max(...top.map(([, logit]) => Math.abs(logit)));
        for (const [token, logit] of top) {
          expect(Math.abs(logits[Number(position)]![token]! - logit) / scale).toBeLessThan(1e-4);
        }
      }
      expect(lossOf(logits, wanted.ids)).toBeCloseTo(wanted.loss, 5);
      opened.close();
    });
  });

  test('reads and writes the same text', async () => {
    await withGguf(model, async (path) => {
      const opened = await llama!.loadModel({ modelPath: path });
      const context = await opened.createContext({ contextSize: 256, threads: 1 });
      const sequence = context.getSequence();
      const prompt = opened.tokenize(wanted.prompt);
      const bos = opened.tokens.bos;
      const withStart =
        opened.tokens.shouldPrependBosToken && bos !== null && prompt[0] !== bos ? [bos, ...prompt] : prompt;
      expect(withStart).toEqual(wanted.promptIds);
      const ids: number[] = [...withStart];
      for await (const token of sequence.evaluate(withStart, { temperature: 0 })) {
        if (ids.push(token) === wanted.writtenIds.length) break;
      }
      expect(ids).toEqual(wanted.writtenIds);
      await opened.dispose();
    });
  });
});
