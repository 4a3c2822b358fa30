import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { openFile } from '../../../files/index.ts';
import type { Model } from '../../model.ts';
import { readOnnx } from '../../onnx/index.ts';
import { foldBatchNorm, foldConstants, removeIdentity } from '../../passes/index.ts';
import { applyStatic } from './apply.ts';
import { defaultStaticOptions } from './options.ts';
import { planStatic } from './plan.ts';
import { createSession, type FloatFeed, optimizedKinds, runSession, sqnrDb } from './run-model.test-data.ts';
import { minMax, nearest } from './small-model.test-data.ts';

/**
 * Trained networks with the plainest calibration there is (extremes of 50 samples): both forms load, agree
 * with each other, and lose next to nothing. The full measurement is the pipeline's.
 */
const assets = process.env.LOWBIT_ASSETS ?? resolve(import.meta.dirname, '../../../../../shared/assets');

interface Samples {
  readonly feeds: FloatFeed;
  readonly labels: ArrayLike<number>;
}

const CALIBRATION = 50;
const TEST = 500;

/** CIFAR-10 pictures, [n, 3, 32, 32], normalised. */
const cifar =
  (mean: readonly number[], std: readonly number[]) => (set: 'calib-1000' | 'test-4000', n: number) => {
    const pixels = readFileSync(join(assets, `cifar10/${set}.images.u8`));
    const labels = readFileSync(join(assets, `cifar10/${set}.labels.u8`)).subarray(0, n);
    const data = new Float32Array(n * 3072);
    for (let i = 0; i < data.length; i++) {
      const [sample, channel, at] = [Math.floor(i / 3072), Math.floor(i / 1024) % 3, i % 1024];
      data[i] = (pixels[sample * 3072 + at * 3 + channel]! / 255 - mean[channel]!) / std[channel]!;
    }
    return { feeds: { dims: [n, 3, 32, 32], data }, labels };
  };

const glyphs = async (set: 'calib-1000' | 'test-4000', n: number): Promise<Samples> => {
  const { glyph } = await import(/* @vite-ignore */ pathToFileURL(join(assets, 'glyphs/glyphs.mjs')).href);
  const data = new Float32Array(n * 784);
  const labels = new Uint8Array(n);
  for (let i = 0; i < n; i++) {
    const { pixels, label } = glyph(i, set === 'test-4000' ? 2 : 1);
    for (let p = 0; p < 784; p++) data[i * 784 + p] = (pixels[p] / 255 - 0.3) / 0.25;
    labels[i] = label;
  }
  return { feeds: { dims: [n, 1, 28, 28], data }, labels };
};

/** Samples by tens: activations of hundreds do not fit the caches. */
function* batches(input: string, { dims, data }: FloatFeed): Generator<Record<string, FloatFeed>> {
  const [count, ...shape] = dims as [number, ...number[]];
  const size = data.length / count;
  for (let i = 0; i < count; i += 10) {
    yield { [input]: { dims: [10, ...shape], data: data.subarray(i * size, (i + 10) * size) } };
  }
}

const half = cifar([0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616]);
const cases: readonly [
  name: string,
  file: string,
  data: (set: 'calib-1000' | 'test-4000', n: number) => Samples | Promise<Samples>,
][] = [
  ['glyphs', 'glyphs/glyphs.onnx', glyphs],
  ['mobilenetv2', 'mobilenetv2-cifar10/model.onnx', half],
  ['resnet20', 'resnet20-cifar/resnet20.onnx', cifar([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])],
  ['resnet18s', 'resnet18s-cifar10/model.onnx', half],
];

async function openFolded(file: string): Promise<Model> {
  const model = await readOnnx(await openFile(join(assets, file)));
  await foldConstants(model);
  await foldBatchNorm(model);
  await removeIdentity(model);
  return model;
}

function top1(logits: Float32Array, { labels }: Samples): number {
  const classes = logits.length / labels.length;
  let right = 0;
  for (let i = 0; i < labels.length; i++) {
    const row = logits.subarray(i * classes, (i + 1) * classes);
    if (row.indexOf(row.reduce((a, b) => Math.max(a, b))) === labels[i]) right++;
  }
  return right / labels.length;
}

/** Of 500 pictures one is 0.2 points; float and int8 differ on a handful, either way. */
const MAX_DROP = 0.02;

describe.skipIf(!existsSync(assets))(
  'models under LOWBIT_ASSETS (skipped where the folder is absent)',
  () => {
    test.each(cases)('%s', async (_, file, data) => {
      const float = await openFolded(file);
      const input = float.graph.inputs[0]!.name;
      const plan = await planStatic(float, defaultStaticOptions);
      const calibration = await data('calib-1000', CALIBRATION);
      const ranges = await minMax(
        float,
        plan.ranges.map((r) => r.value),
        batches(input, calibration.feeds),
      );
      const samples = await data('test-4000', TEST);
      const logits = async (model: Model) => {
        const session = await createSession(model);
        const rows: number[] = [];
        for (const feeds of batches(input, samples.feeds)) {
          rows.push(...Object.values(await runSession(session, feeds))[0]!);
        }
        await session.release();
        return Float32Array.from(rows);
      };
      const wanted = await logits(float);

      const lowered = async (form: 'qdq' | 'qoperator') => {
        const model = float.clone();
        await applyStatic(model, plan, ranges, { quantizeWeight: nearest, form });
        return model;
      };
      const qdq = await lowered('qdq');
      const codes = await logits(qdq);
      const integers = await logits(await lowered('qoperator'));
      // The runtime fuses QDQ into the same kernels.
      expect(sqnrDb(codes, integers)).toBeGreaterThan(60);
      expect(sqnrDb(wanted, codes)).toBeGreaterThan(20);
      expect(top1(wanted, samples) - top1(codes, samples)).toBeLessThan(MAX_DROP);

      // Every convolution is an integer one, and no weight is dequantized while running.
      if (process.arch === 'x64') {
        const kinds = await optimizedKinds(qdq);
        expect(kinds.filter((k) => /^(com\.microsoft\.Fused)?Conv$/.test(k))).toEqual([]);
        const convolutions = [...float.graph.nodes].filter((n) => n.op === 'Conv').length;
        expect(kinds.filter((k) => k === 'QLinearConv')).toHaveLength(convolutions);
      }
    });
  },
);
