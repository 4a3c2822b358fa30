import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { evaluate, quantize } from 'lowbit';
import { measurePerplexity, openLanguageModel } from 'lowbit/evaluation';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openLlamaModel } from '../ggml/llama-model.ts';
import { whyNoOracle } from '../ggml/oracle.ts';

const assets = resolve(process.env.LOWBIT_ASSETS ?? '../shared/assets');
const skip = whyNoOracle() ?? (existsSync(join(assets, 'lm-4m')) ? undefined : `${assets} has no lm-4m`);

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'lowbit-perplexity-'))));
afterAll(() => rmSync(folder, { recursive: true }));

const text =
  'The function returns a new array. It takes a callback that is called once for each element.\n'.repeat(20);

test('chunks are cut and counted as llama.cpp does it', async () => {
  const asked: number[][] = [];
  const model = {
    name: 'fake',
    runtime: 'none',
    trainedContext: 8,
    firstToken: 99,
    tokenize: () => Array.from({ length: 21 }, (_, i) => i),
    async negativeLogLikelihoods(tokens: readonly number[], from: number) {
      asked.push([...tokens, from]);
      return new Float64Array(tokens.length - 1 - from).fill(asked.length);
    },
    async close() {},
  };
  const { chunkLosses, ...result } = await measurePerplexity(model, '', { context: 8 });
  expect(asked).toEqual([
    [99, 1, 2, 3, 4, 5, 6, 7, 4],
    [99, 9, 10, 11, 12, 13, 14, 15, 4],
  ]);
  expect([...chunkLosses]).toEqual([1, 2]);
  // Mean 1.5, variance 1/4 over 6 tokens.
  expect(result).toEqual({
    perplexity: Math.exp(1.5),
    standardError: Math.exp(1.5) * Math.sqrt(0.25 / 5),
    textTokens: 21,
    tokens: 6,
    chunks: 2,
    context: 8,
  });
});

test('too little text is refused', async () => {
  const model = {
    name: 'm.gguf',
    runtime: '',
    trainedContext: 8,
    firstToken: undefined,
    tokenize: () => [1, 2],
    negativeLogLikelihoods: async () => new Float64Array(),
    close: async () => {},
  };
  await expect(measurePerplexity(model, 'ab')).rejects.toThrow(
    'The text is 2 tokens to m.gguf, less than one chunk of 512. Give more text, or a smaller --context.',
  );
});

describe.skipIf(skip !== undefined)('a real model', () => {
  let file: string;
  let data: string;
  let longText: string;
  beforeAll(async () => {
    file = join(folder, 'lm-4m.f16.gguf');
    data = join(folder, 'text.txt');
    writeFileSync(data, text);
    longText = join(folder, 'long.txt');
    writeFileSync(longText, text.repeat(8));
    await quantize({ model: join(assets, 'lm-4m'), to: 'gguf:F16', output: file });
  });

  test('likelihoods are those of the logits', async () => {
    const model = await openLanguageModel(file, { context: 32 });
    const tokens = model.tokenize(text).slice(0, 32);
    const losses = await model.negativeLogLikelihoods(tokens, 16);
    await model.close();
    const llama = openLlamaModel(file);
    const logits = llama.logits(tokens);
    llama.close();
    for (let i = 16; i < 31; i++) {
      const row = logits[i]!;
      const most = Math.max(...row);
      const wanted =
        Math.log(row.reduce((sum, l) => sum + Math.exp(l - most), 0)) + most - row[tokens[i + 1]!]!;
      expect(losses[i - 16]).toBeCloseTo(wanted, 2);
    }
  });

  test('evaluate measures it, alone and beside another', async () => {
    const record = await evaluate({
      model: file,
      data,
      against: file,
      context: 64,
      measure: { samples: 2 },
      maxDrop: '1%',
    });
    const perplexity = record.baseline!.metrics[0]!;
    expect(perplexity).toMatchObject({ name: 'perplexity', higherIsBetter: false, samples: 62 });
    expect(perplexity.value).toBeGreaterThan(1);
    expect(perplexity.standardError).toBeGreaterThan(0);
    expect(record.evaluation).toMatchObject({ samples: 2, text: { chunks: 2, context: 64, tokens: 62 } });
    expect(record.outputs[0]!.measurement!.metrics[0]!.value).toBe(perplexity.value);
    expect(record.outputs[0]!.notes).toEqual([
      'ln of the ratio of perplexities: +0.0000 ± 0.0000 (paired over 2 chunks)',
    ]);
  });

  test('an absolute limit, and chunks longer than the model was trained on', async () => {
    const { limits, notes } = await evaluate({
      model: file,
      data,
      context: 64,
      minMetric: 'perplexity<=1.001',
    });
    expect(limits).toMatchObject([{ text: 'perplexity<=1.001', metric: 'perplexity', met: false }]);
    expect(notes).toBeUndefined();
    const record = await evaluate({ model: file, data: longText, context: 2048, measure: { samples: 1 } });
    expect(record.notes).toEqual([
      'The model was trained on texts of at most 1024 tokens, and chunks of 2048 are longer: its perplexity is worse there for that reason alone. Take --context 1024 or less.',
    ]);
  });

  test('what llama.cpp does not load is diagnosed by our own reader', async () => {
    const broken = join(folder, 'broken.gguf');
    writeFileSync(broken, 'no model');
    await expect(evaluate({ model: broken, data })).rejects.toMatchObject({ code: 'gguf/not-gguf' });
    writeFileSync(broken, readFileSync(file).subarray(0, 3_000_000));
    await expect(evaluate({ model: broken, data })).rejects.toMatchObject({ code: 'gguf/truncated' });
  });
});

if (skip !== undefined) test.skip(`without a real model: ${skip}`, () => {});
