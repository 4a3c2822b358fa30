import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { DataInput } from 'lowbit';
import type { DatasetSpec } from 'lowbit/data';
import { glyphDataset } from '../examples/glyphs/glyph-dataset.ts';
import { projectFile } from '../examples/glyphs/project-file.ts';
import { byteRuns, speechFrames } from './streams.ts';

/** A real trained model, and the data that it is calibrated and measured on. */
export interface BenchModel {
  readonly name: string;
  readonly file: string;
  readonly calibrate?: BenchData;
  readonly evaluate?: BenchData;
}

/** Data, or how to make it when it is wanted. */
export type BenchData = DataInput | (() => DataInput | Promise<DataInput>);

/** A model with its data made: what `quantize` is given. */
export async function dataOf({
  calibrate,
  evaluate,
}: BenchModel): Promise<{ calibrate?: DataInput; evaluate?: DataInput }> {
  const made = async (data: BenchData | undefined) => (typeof data === 'function' ? data() : data);
  const first = await made(calibrate);
  const second = evaluate === calibrate ? first : await made(evaluate);
  return { ...(first && { calibrate: first }), ...(second && { evaluate: second }) };
}

/** The larger models lie outside the project. */
export const assetFolder = resolve(process.env.LOWBIT_ASSETS ?? projectFile('../shared/assets'));
export const asset = (path: string) => join(assetFolder, path);

export const glyphs: BenchModel = {
  name: 'glyphs',
  file: projectFile('examples/glyphs/glyphs.onnx'),
  calibrate: glyphDataset({ seed: 1, size: 1000 }),
  evaluate: glyphDataset({ seed: 2, size: 10_000 }),
};

function cifar(name: string, file: string, mean: number[], std: number[]): BenchModel {
  const split = (part: string): DataInput => {
    const spec: DatasetSpec = {
      name: `cifar10/${part}`,
      task: 'classification',
      inputs: {
        input: {
          file: `${part}.images.u8`,
          dtype: 'uint8',
          shape: [32, 32, 3],
          layout: 'NHWC',
          modelLayout: 'NCHW',
          scale: '1/255',
          mean,
          std,
        },
      },
      labels: { file: `${part}.labels.u8`, dtype: 'uint8' },
    };
    return { path: asset('cifar10'), spec };
  };
  return { name, file: asset(file), calibrate: split('calib-1000'), evaluate: split('test-4000') };
}

const trainedHere = { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] };
export const mobilenetv2 = cifar(
  'mobilenetv2-cifar10',
  'mobilenetv2-cifar10/model.onnx',
  trainedHere.mean,
  trainedHere.std,
);
export const resnet18s = cifar(
  'resnet18s-cifar10',
  'resnet18s-cifar10/model.onnx',
  trainedHere.mean,
  trainedHere.std,
);
export const resnet20 = cifar(
  'resnet20-cifar',
  'resnet20-cifar/resnet20.onnx',
  [0.485, 0.456, 0.406],
  [0.229, 0.224, 0.225],
);

function sst2(name: string): BenchModel {
  const split = (part: string): DataInput => ({
    path: asset(name),
    spec: {
      name: `sst-2/${part}`,
      task: 'classification',
      inputs: {
        input_ids: { file: `tokens_${part}.json`, key: 0, pad: 0 },
        attention_mask: { mask: 'input_ids' },
      },
      labels: { file: `tokens_${part}.json`, key: 1 },
    },
  });
  return { name, file: asset(`${name}/model.onnx`), calibrate: split('dev'), evaluate: split('test') };
}

export const sst2Encoder = sst2('sst2-encoder');
export const sst2Bilstm = sst2('sst2-bilstm');

/** The networks that classify pictures. */
export const classifiers: readonly BenchModel[] = [glyphs, mobilenetv2, resnet18s, resnet20];

/** Networks without labelled data here: what counts is agreement with float on inputs of their own kind. */
export const unlabelled: readonly BenchModel[] = [
  silero('silero-vad', 'silero-vad/silero_vad.onnx'),
  silero('silero-vad-16k', 'silero-vad/silero_vad_16k_op15.onnx'),
  {
    name: 'nnsplit-en',
    file: asset('nnsplit-en/model.onnx'),
    ...both(() => byteRuns(asset('docs-text/heldout.txt'), 'input', 256, 64)),
  },
  {
    name: 'magika',
    file: asset('magika/model.onnx'),
    ...both({
      path: asset('magika'),
      spec: {
        name: 'magika/files',
        task: 'none',
        inputs: { bytes: { file: 'files', format: 'bytes', head: 1024, tail: 1024, pad: 256 } },
      },
    }),
  },
  {
    name: 'super-resolution',
    file: asset('super-resolution/model.onnx'),
    ...both({
      path: asset('super-resolution'),
      spec: { name: 'super-resolution/input_0.pb', task: 'none', inputs: { input: { file: 'input_0.pb' } } },
    }),
  },
  {
    name: 'ultraface',
    file: asset('ultraface/version-RFB-320.onnx'),
    ...both({
      path: asset('magika/files/jpeg'),
      spec: {
        name: 'a photograph',
        task: 'none',
        inputs: {
          input: { file: '.', format: 'images', resize: [240, 320], crop: [240, 320], mean: 127, std: 128 },
        },
      },
    }),
  },
  { name: 'dtln', file: asset('dtln/model_1.onnx') },
];

function silero(name: string, file: string): BenchModel {
  return {
    name,
    file: asset(file),
    ...both(() => speechFrames(asset(file), asset('silero-vad/test.wav'), 400)),
  };
}

/** The same data to calibrate on and to compare on: there are no labels to overfit. */
function both(data: BenchData): Pick<BenchModel, 'calibrate' | 'evaluate'> {
  return { calibrate: data, evaluate: data };
}

/** Those that are here; says which are not. */
export function present(models: readonly BenchModel[]): BenchModel[] {
  return models.filter((model) => {
    const here = existsSync(model.file);
    if (!here) console.log(`skipped ${model.name}: ${model.file} is not here (set LOWBIT_ASSETS)`);
    return here;
  });
}
