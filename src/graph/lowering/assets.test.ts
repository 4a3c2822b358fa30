import { Tensor } from 'onnxruntime-node';
import { beforeAll, describe, expect, test } from 'vitest';
import { realFeeds, sentences, speechFrames } from '../../../test/asset-feeds.ts';
import { assetModel, runnableModels } from '../../../test/asset-models.ts';
import { load, roundToNearest as quantizer, sqnrDb } from '../../../test/lowering-harness.ts';
import { type Preset, type PresetName, presets } from '../../numerics/index.ts';
import type { Model } from '../model.ts';
import { simplify } from '../passes/index.ts';
import { lowerBfloat16 } from './bfloat16.ts';
import { lowerDynamic } from './dynamic.ts';
import { lowerFloat8 } from './float8.ts';
import { lowerFloat16 } from './float16.ts';
import type { LoweringResult } from './lowering.ts';
import { lowerWeightOnly } from './weight-only.ts';

/** Real trained models: every preset that applies loads, runs and stays near the float model. */
const names = [
  'int8-dynamic',
  'uint8',
  'q4',
  'q2',
  'q8-weights',
  'int8-weights',
  'q4f16',
  'fp16',
  'bf16',
  'fp8-e4m3',
] as const;
type Name = (typeof names)[number] & PresetName;

async function lowered(model: Model, name: Name): Promise<LoweringResult> {
  const preset: Preset = presets[name];
  const { weights, carrier } = preset;
  if (preset.kind === 'dynamic') return lowerDynamic(model, { quantizer, weights });
  if (preset.kind === 'fp8') return lowerFloat8(model, { quantizer, weights });
  if (preset.kind === 'float') return preset.rest === 'float16' ? lowerFloat16(model) : lowerBfloat16(model);
  const result = await lowerWeightOnly(model, { quantizer, weights, ...(carrier && { carrier }) });
  if (preset.rest === 'float16') await lowerFloat16(model);
  return result;
}

/** Least signal over noise of the outputs, dB. Weights of 2 bits only have to give numbers. */
const floors: Readonly<Record<Name, number>> = {
  'int8-dynamic': 18,
  uint8: 17,
  q4: 14,
  q2: 0,
  'q8-weights': 20,
  'int8-weights': 20,
  q4f16: 14,
  fp16: 50,
  bf16: 28,
  'fp8-e4m3': 25,
};

/** A softmax over raw pixels without normalisation amplifies what little is lost before it. */
const lower: Readonly<Record<string, Partial<typeof floors>>> = {
  'mlperf-tiny/pretrainedResnet.onnx': { q4: 8, q4f16: 8, 'fp8-e4m3': 6 },
};

/** Codes, scales and zero points against float bytes, for tensors from this size on. */
const LARGE = 4096;
const ceilings: Readonly<Record<string, number>> = {
  ...{ int8: 0.27, uint8: 0.27, e4m3fn: 0.27, uint4: 0.18, uint2: 0.11, float16: 0.5, bfloat16: 0.5 },
};
/** Rows of 257 are padded to whole blocks of 64: 320 codes. */
const padded: Readonly<Record<string, number>> = { 'jax2tf_get_logits_/Const:0': 0.335 };

function checkSizes({ quantized }: LoweringResult): void {
  for (const q of quantized.filter((record) => record.values >= LARGE)) {
    const kind = `${q.format} ${q.granularity.split('(')[0]}`;
    const ratio = (q.codeBytes + q.scaleBytes + q.zeroPointBytes) / q.floatBytes;
    expect(ratio, `${q.name}: ${kind}`).toBeLessThanOrEqual(
      (q.format === 'uint8' && padded[q.name]) || ceilings[q.format]!,
    );
  }
}

/** A preset that found nothing must say why of every node with weights. */
function checkWhyNothing({ kept }: LoweringResult): void {
  expect(kept.length).toBeGreaterThan(0);
  for (const { why } of kept)
    expect(why).toMatch(/^there is no \d-bit kernel for \w+, only for products and embeddings$/);
}

describe.skipIf(runnableModels.length === 0)('skipped where LOWBIT_ASSETS is absent', () => {
  describe.each(Object.keys(realFeeds))('%s', (path) => {
    let float: Model;
    let wanted: Record<string, Tensor>;

    beforeAll(async () => {
      float = await assetModel(path);
      wanted = await outputsOf(float, path);
      await simplify(float);
    });

    test.each(names)('%s', async (name) => {
      const model = float.clone();
      const result = await lowered(model, name);
      checkSizes(result);
      if (result.quantized.length === 0) {
        checkWhyNothing(result);
        return;
      }
      const got = await outputsOf(model, path);
      for (const [output, t] of Object.entries(wanted)) {
        expect(sqnrDb(t, got[output]!), output).toBeGreaterThan(lower[path]?.[name] ?? floors[name]);
      }
    });
  });

  describe.each(['silero-vad/silero_vad.onnx', 'silero-vad/silero_vad_16k_op15.onnx'])(
    '%s, 200 frames',
    (path) => {
      let float: Model;
      let wanted: Float32Array;

      beforeAll(async () => {
        float = await assetModel(path);
        await simplify(float);
        wanted = await speech(float);
      });

      test.each(names)('%s', async (name) => {
        const model = float.clone();
        const result = await lowered(model, name);
        checkSizes(result);
        if (result.quantized.length === 0) {
          checkWhyNothing(result);
          return;
        }
        const got = await speech(model);
        expect(sqnrDb(probabilities(wanted), probabilities(got))).toBeGreaterThan(floors[name]);
        const agree = wanted.filter((p, i) => p > 0.5 === got[i]! > 0.5).length;
        expect(agree).toBeGreaterThanOrEqual(198);
      });
    },
  );

  /** Accuracy over the first sentences of the development set may drop by so many points. */
  const LARGEST_DROP = 1;

  describe.each(['sst2-encoder', 'sst2-bilstm'])('%s, accuracy on 436 sentences', (folder) => {
    let float: Model;
    let wanted: number;

    beforeAll(async () => {
      float = await assetModel(`${folder}/model.onnx`);
      wanted = await accuracy(float, folder);
    });

    test.each(['q4', 'int8-dynamic'] as const)('%s', async (name) => {
      const model = float.clone();
      await lowered(model, name);
      expect(wanted - (await accuracy(model, folder))).toBeLessThanOrEqual(LARGEST_DROP);
    });
  });
});

async function outputsOf(model: Model, path: string): Promise<Record<string, Tensor>> {
  const session = await load(model);
  try {
    return (await session.run(realFeeds[path]!())) as Record<string, Tensor>;
  } finally {
    await session.release();
  }
}

const probabilities = (values: Float32Array) => new Tensor('float32', values, [values.length]);

/** Speech probabilities of consecutive frames, each with the state that the model made of those before. */
async function speech(model: Model): Promise<Float32Array> {
  const session = await load(model);
  let state: Tensor = new Tensor('float32', new Float32Array(256), [2, 1, 128]);
  const sr = new Tensor('int64', BigInt64Array.of(16000n), []);
  const found: number[] = [];
  for (const frame of speechFrames(200)) {
    const out = await session.run({ input: new Tensor('float32', frame, [1, 576]), state, sr });
    found.push((out.output!.data as Float32Array)[0]!);
    state = out.stateN as Tensor;
  }
  await session.release();
  return Float32Array.from(found);
}

/** Percent of the first 436 sentences whose larger logit is the label. */
async function accuracy(model: Model, folder: string): Promise<number> {
  const session = await load(model);
  let right = 0;
  const rows = sentences(folder, 436);
  for (const { feeds, label } of rows) {
    const { logits } = await session.run(feeds);
    const [no, yes] = logits!.data as Float32Array;
    right += Number(Number(yes! > no!) === label);
  }
  await session.release();
  return (100 * right) / rows.length;
}
