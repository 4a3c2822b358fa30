import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFile, openFolder } from '../../src/files/index.ts';
import {
  loadWeight,
  lowerDynamic,
  lowerFloat16,
  lowerWeightOnly,
  type Model,
  readOnnx,
  type WeightQuantizer,
  writeOnnx,
} from '../../src/graph/index.ts';
import { type Preset, presets, quantizeTensor, toFloat32 } from '../../src/numerics/index.ts';
import { companionsOf, transformersFileName } from '../../src/pipeline/layout.ts';
import { assets } from '../asset-models.ts';

/**
 * The consumer itself loads our folder: @huggingface/transformers, offline, as a BERT classifier with the
 * tokenizer of the asset, in every dtype it has a name for.
 */
const source = join(assets, 'sst2-encoder');
const present = existsSync(join(source, 'model.onnx'));

const quantizer: WeightQuantizer = async ({ name, weight, scheme }) =>
  quantizeTensor(toFloat32(await loadWeight(weight)), weight.dims, scheme, { name });

async function lowered(model: Model, preset: Preset): Promise<void> {
  const { kind, weights, rest } = preset;
  if (kind === 'dynamic') await lowerDynamic(model, { quantizer, weights });
  if (kind === 'weight-only') await lowerWeightOnly(model, { quantizer, weights });
  if (rest === 'float16') await lowerFloat16(model);
}

/** Presets by the dtype that transformers.js asks for. */
const outputs = {
  q8: 'q8',
  int8: 'int8-dynamic',
  uint8: 'uint8',
  q4: 'q4',
  q4f16: 'q4f16',
  fp16: 'fp16',
} as const;

/** Probabilities may move by so much from those of the float model. */
const CEILING = 0.1;

/** Written with its weights in a file of their own. */
const external: keyof typeof outputs = 'q4';

const sentences = [
  ['a gorgeous , witty , seductive movie', 'POSITIVE'],
  ['one long string of cliches', 'NEGATIVE'],
] as const;

describe.skipIf(!present)('transformers.js loads our folder (skipped where the assets are absent)', () => {
  let root: string;
  let folder: string;

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'lowbit-transformers-'));
    const original = join(root, 'original');
    folder = join(root, 'models', 'sst2');
    mkdirSync(original, { recursive: true });
    mkdirSync(join(folder, 'onnx'), { recursive: true });
    copyFileSync(join(source, 'model.onnx'), join(original, 'model.onnx'));
    copyFileSync(join(source, 'tokenizer.json'), join(original, 'tokenizer.json'));
    const config = {
      model_type: 'bert',
      architectures: ['BertForSequenceClassification'],
      hidden_size: 256,
      num_hidden_layers: 4,
      num_attention_heads: 4,
      id2label: { 0: 'NEGATIVE', 1: 'POSITIVE' },
      label2id: { NEGATIVE: 0, POSITIVE: 1 },
    };
    writeFileSync(join(original, 'config.json'), JSON.stringify(config));
    const tokenizer = {
      tokenizer_class: 'PreTrainedTokenizerFast',
      model_max_length: 64,
      pad_token: '[PAD]',
    };
    writeFileSync(join(original, 'tokenizer_config.json'), JSON.stringify(tokenizer));

    const opened = await openFile(join(original, 'model.onnx'));
    const float = await readOnnx(opened);
    const sink = await openFolder(join(folder, 'onnx'));
    const dataFiles = new Map<string, number>();
    for (const [dtype, preset] of Object.entries(outputs)) {
      const model = float.clone();
      await lowered(model, presets[preset]);
      const name = transformersFileName(preset);
      const { files } = await writeOnnx(model, { folder: sink, name, externalData: dtype === external });
      dataFiles.set(name, files.length - 1);
    }
    copyFileSync(join(source, 'model.onnx'), join(folder, 'onnx', 'model.onnx'));
    const companions = await openFolder(folder);
    for (const { name, bytes } of await companionsOf(opened.siblings!, dataFiles)) {
      const file = await companions.open(name);
      await file.write(bytes);
      await file.commit();
    }
    await opened.source.close?.();
  });

  afterAll(() => rmSync(root, { recursive: true, force: true }));

  test('the folder holds what transformers.js asks for', () => {
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as Record<string, unknown>;
    expect(config['transformers.js_config']).toEqual({ use_external_data_format: { 'model_q4.onnx': 1 } });
    for (const name of ['onnx/model_q4.onnx_data', 'onnx/model_quantized.onnx', 'tokenizer.json']) {
      expect(existsSync(join(folder, name)), name).toBe(true);
    }
  });

  test('its tokenizer gives the ids that the model was trained on', async () => {
    const { AutoTokenizer } = await transformers(root);
    const tokenizer = await AutoTokenizer.from_pretrained('sst2');
    const [[ids]] = JSON.parse(readFileSync(join(source, 'tokens_dev.json'), 'utf8')) as [[number[]]];
    expect(tokenizer.encode('one long string of cliches')).toEqual(ids);
  });

  const float = new Map<string, number>();

  test.each(['fp32', ...Object.keys(outputs)])('dtype %s classifies', async (dtype) => {
    const { pipeline } = await transformers(root);
    const classify = await pipeline('text-classification', 'sst2', {
      dtype: dtype as 'fp32' | keyof typeof outputs,
      device: 'cpu',
    });
    for (const [text, label] of sentences) {
      const [best] = (await classify(text)) as { label: string; score: number }[];
      expect(best!.label, text).toBe(label);
      if (dtype === 'fp32') float.set(text, best!.score);
      expect(Math.abs(best!.score - float.get(text)!), text).toBeLessThan(CEILING);
    }
    await classify.dispose();
  });
});

async function transformers(root: string) {
  const library = await import('@huggingface/transformers');
  library.env.allowRemoteModels = false;
  library.env.localModelPath = `${join(root, 'models')}/`;
  return library;
}
