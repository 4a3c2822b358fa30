import { expect, test } from 'vitest';
import { dequantizeComposite, parseScheme, quantizeComposite, schemeAt } from '../../numerics/index.ts';
import { LowbitError, seededRandom } from '../../tensor/index.ts';
import { memoryFolder } from '../memory-folder.ts';
import { memorySource } from '../memory-source.ts';
import { openSafetensors } from '../safetensors/open-safetensors.ts';
import { writeSafetensors } from '../safetensors/write-safetensors.ts';
import { loadQuantized } from './load-quantized.ts';
import { readQuantizedEntries } from './read-entries.ts';
import { storeQuantized } from './store-quantized.ts';
import { QUANTIZED_KEY } from './tensor-entry.ts';

/** Options, blocks and parts that the text of a scheme can say, with formats of every kind. */

const axes = { channel: 0, group: 1 };
const dims = [8, 32];
const random = seededRandom(9);
const values = Float32Array.from({ length: 256 }, () => (random() - 0.5) * (random() < 0.05 ? 9 : 1));

const blocks = ['/tensor', '/channel', '/token', '/16', '/4x8'];
const options = [
  'symmetric',
  'asymmetric',
  'restricted',
  'reduced',
  'pot',
  'range=mse',
  'range=min-max',
  'scale=float16',
  'scale=bfloat16',
  'scale=float8e8m0',
  'scale=float8e4m3fn',
  'scale=float8e5m2',
  'rounding=half-away',
  'rounding=stochastic,seed=7',
  'asymmetric,zero=integer',
  'asymmetric,zero=real',
];
const parts = [
  '+double',
  '+outliers=2%',
  '+outliers=3sd',
  '+sensitive=2%',
  '+columns=2',
  '+lowrank=2',
  '+rans',
  '+double+outliers=2%+lowrank=2+rans',
];

test.each<[format: string, least: number]>([
  ['int4', 20],
  ['uint4', 20],
  ['int12', 20],
  ['nf4', 10],
  ['kmeans3', 10],
  ['vq2x4', 5],
  ['e4m3fn', 10],
  ['ternary', 5],
])('%s', async (format, least) => {
  const texts = [
    ...blocks.flatMap((block) => [block, ...parts.map((part) => block + part)]),
    ...options.flatMap((option) => [`/16:${option}`, `/channel:${option}+rans`]),
  ].map((rest) => format + rest);
  let came = 0;
  let sensitive = 0;
  for (const text of texts) {
    const q = await quantized(text);
    if (q === undefined) continue;
    const { entry, parts: stored } = await storeQuantized('w', q, { scheme: text, axes });
    const folder = memoryFolder();
    const sink = await folder.open('m');
    const description = JSON.stringify({ version: 1, tensors: { w: entry } });
    await writeSafetensors(sink, stored, new Map([[QUANTIZED_KEY, description]]));
    await sink.commit();
    const file = await openSafetensors(memorySource(folder.files.get('m')!, 'm'));
    const read = readQuantizedEntries(file, 'm').get('w')!;
    const back = await loadQuantized('w', read, file.tensors, 'm');
    expect(back.base.codes, text).toEqual(q.base.codes);
    expect(dequantizeComposite(back), text).toEqual(dequantizeComposite(q));
    came++;
    if (q.scheme.outliers?.by === 'sensitivity') sensitive += back.outliers === undefined ? 0 : 1;
  }
  expect(came).toBeGreaterThanOrEqual(least);
  expect(sensitive).toBeGreaterThan(0);
});

/** Undefined where a text says what the format cannot be: that is refused before anything is stored. */
async function quantized(text: string) {
  try {
    const request = parseScheme(text);
    return await quantizeComposite(values, dims, schemeAt(request, axes), {
      ...(request.range && { range: request.range }),
    });
  } catch (error) {
    if (error instanceof LowbitError) return undefined;
    throw error;
  }
}
