import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

/**
 * Folders from the bottom up. A file imports only from folders before its own, or from its own;
 * `node:*` and onnxruntime live where the design says.
 */
const order = [
  'kernels',
  'tensor',
  'numerics',
  'files',
  'compute',
  'runtime',
  'graph',
  'architectures',
  'data',
  'calibration',
  'evaluation',
  'methods',
  'report',
  'pipeline',
  'index.ts',
];

const root = resolve(import.meta.dirname, '..');

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(
      (f) =>
        f.endsWith('.ts') &&
        !/\.test(-data)?\.ts$/.test(f) &&
        !/kernels\/(assembly|generated)\//.test(`${folder}/${f}`),
    )
    .map((f) => join(folder, f));
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((m) => m[1]!);
}

const layerOf = (path: string) => relative('src', path).split('/')[0]!;

test('imports go down only', () => {
  const broken: string[] = [];
  for (const file of sources('src')) {
    const own = order.indexOf(layerOf(file));
    if (own < 0) broken.push(`${file} is in no layer; add its folder to the order in test/layers.test.ts`);
    for (const target of importsOf(file)) {
      if (!target.startsWith('.')) continue;
      const path = relative(root, resolve(root, dirname(file), target));
      const layer = order.indexOf(layerOf(path));
      if (!path.startsWith('src/')) broken.push(`${file} imports ${path}, outside src`);
      else if (layer > own) broken.push(`${file} imports ${path}, a layer above`);
      else if (layer !== own && !/\/index\.ts$|kernels\//.test(path)) {
        broken.push(`${file} enters ${path} past its index.ts`);
      }
    }
  }
  expect(broken).toEqual([]);
});

test('platform code is named so', () => {
  const broken: string[] = [];
  for (const file of sources('src')) {
    for (const target of importsOf(file)) {
      if (target.startsWith('node:') && !file.endsWith('.node.ts'))
        broken.push(`${file} imports ${target}; only *.node.ts may`);
      if (target === 'sharp' && !file.endsWith('.node.ts'))
        broken.push(`${file} imports sharp; only *.node.ts may`);
      if (/^onnxruntime-(node|web)/.test(target) && !/src\/runtime\/.*\.(node|web)\.ts$/.test(file)) {
        broken.push(`${file} imports ${target}; only src/runtime/*.{node,web}.ts may`);
      }
    }
  }
  expect(broken).toEqual([]);
});

test('apps use the public face only', () => {
  const broken: string[] = [];
  for (const file of sources('apps')) {
    for (const target of importsOf(file)) {
      const path = target.startsWith('.') ? relative(root, resolve(root, dirname(file), target)) : '';
      if (path.startsWith('src/'))
        broken.push(`${file} imports ${path}; apps import 'lowbit' or 'lowbit/<folder>'`);
    }
  }
  expect(broken).toEqual([]);
});
