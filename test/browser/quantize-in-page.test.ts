import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { syntheticLlama, writeModel } from '../../bench/synthetic-llama.ts';
import { glyphDataset } from '../../examples/glyphs/glyph-dataset.ts';
import { memoryFolder, memorySource, openFile } from '../../src/files/index.ts';
import { loadWeight, type Model, readOnnx } from '../../src/graph/index.ts';
import { quantize, type Recipe } from '../../src/index.ts';
import { toFloat32 } from '../../src/numerics/index.ts';
import { assets } from '../asset-models.ts';
import { buildPage, servePage } from './serve-page.ts';

const root = join(import.meta.dirname, '../..');
const browserPath = process.env.LOWBIT_CHROMIUM ?? '/usr/bin/chromium';
const hasBrowser = existsSync(browserPath);
if (!hasBrowser)
  console.log(`skipped: no browser at ${browserPath} (apt install chromium, or set LOWBIT_CHROMIUM)`);

describe.skipIf(!hasBrowser)('quantizing in a page', () => {
  let folder: string;
  let server: Server;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lowbit-page-'));
    await buildPage(folder);
    const served = await servePage(folder);
    server = served.server;
    browser = await chromium.launch({
      executablePath: browserPath,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-background-networking',
        '--disable-component-update',
      ],
    });
    page = await browser.newPage();
    page.on('pageerror', (error) => console.error('page:', error.message));
    await page.goto(served.url);
    await page.waitForFunction(() => window.quantizeGlyphs !== undefined);
  });

  afterAll(async () => {
    await browser?.close();
    server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const inPage = async (recipe: Recipe): Promise<Uint8Array> => {
    const base64 = await page.evaluate((r) => window.quantizeGlyphs!(r), recipe);
    return new Uint8Array(Buffer.from(base64, 'base64'));
  };

  test.each(['int8-weights', 'q4', 'int8-dynamic', 'fp16'])(
    '%s gives the same bytes as in Node',
    async (to) => {
      expect(await inPage({ to })).toEqual(await inNode({ to }, undefined));
    },
  );

  test('static int8 gives the same bytes as Node with the same runtime', async () => {
    const recipe: Recipe = { to: 'int8' };
    const made = await inPage(recipe);
    expect(made).toEqual(await inNode(recipe, 'wasm'));
    await expectNearlyEqual(await parse(made), await parse(await inNode(recipe, 'native')));
  });

  const ggufInPage = async (model: string, recipe: Recipe): Promise<Buffer> =>
    Buffer.from(await page.evaluate(([m, r]) => window.makeGguf!(m, r), [model, recipe] as const), 'base64');

  test.each(['gguf:Q8_0', 'gguf:Q4_K_M'])(
    '%s: one thread in a page, the bytes of threads in Node',
    async (to) => {
      const model = join(folder, 'tiny.f16.gguf');
      await writeModel(model, syntheticLlama(tinyLlama));
      const output = join(folder, 'node.gguf');
      await quantize({ model, to, output, force: true, threads: 2 });
      expect(Buffer.compare(await ggufInPage('tiny.f16.gguf', { to }), await readFile(output))).toBe(0);
    },
  );

  const trained = join(assets, 'lm-4m');
  test.skipIf(!existsSync(trained))(
    'a checkpoint at a URL becomes the GGUF file that Node makes',
    async () => {
      await cp(trained, join(folder, 'lm-4m'), { recursive: true });
      const output = join(folder, 'checkpoint.gguf');
      await quantize({ model: trained, to: 'gguf:Q8_0', output });
      expect(Buffer.compare(await ggufInPage('lm-4m/', { to: 'gguf:Q8_0' }), await readFile(output))).toBe(0);
    },
  );
});

const tinyLlama = { layers: 2, width: 256, ffn: 512, heads: 4, keyHeads: 2, vocabulary: 512 };

async function inNode(recipe: Recipe, runtime: 'native' | 'wasm' | undefined): Promise<Uint8Array> {
  const { source } = await openFile(join(root, 'examples/glyphs/glyphs.onnx'));
  const output = memoryFolder();
  await quantize({
    ...recipe,
    model: { source: memorySource(await source.read(0, source.size), 'glyphs.onnx') },
    calibrate: glyphDataset({ seed: 1, size: 64 }),
    evaluate: glyphDataset({ seed: 2, size: 64 }),
    output,
    measure: { runs: 0, memory: false },
    ...(runtime && { runtime }),
  });
  return [...output.files.values()][0]!;
}

const parse = (bytes: Uint8Array) => readOnnx({ source: memorySource(bytes, 'result.onnx') });

/** Same graph and weight codes; activation scales within 1e-5 relative, zero points within 1. */
async function expectNearlyEqual(a: Model, b: Model): Promise<void> {
  const structure = (model: Model) => [...model.graph.nodes].map((n) => [n.kind, n.inputs, n.outputs]);
  expect(structure(a)).toEqual(structure(b));
  expect([...a.graph.initializers.keys()]).toEqual([...b.graph.initializers.keys()]);
  let zeroPoints = 0;
  for (const [name, weight] of a.graph.initializers) {
    const other = b.graph.initializers.get(name)!;
    if (weight.dtype === 'string' || other.dtype === 'string') continue;
    const [x, y] = [toFloat32(await loadWeight(weight)), toFloat32(await loadWeight(other))];
    expect(x.length).toBe(y.length);
    const isActivation = weight.dims.length === 0;
    for (let i = 0; i < x.length; i++) {
      const allowed =
        weight.dtype === 'float32'
          ? 1e-5 * Math.abs(y[i]!)
          : weight.dtype === 'int32'
            ? Math.max(1, 1e-5 * Math.abs(y[i]!))
            : isActivation
              ? 1
              : 0;
      expect(Math.abs(x[i]! - y[i]!), `${name}[${i}]`).toBeLessThanOrEqual(allowed);
    }
    if (isActivation && weight.dtype === 'uint8') zeroPoints++;
  }
  expect(zeroPoints).toBeGreaterThan(10);
}
