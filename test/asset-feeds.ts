import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tensor } from 'onnxruntime-node';
import { seededRandom } from '../src/tensor/index.ts';
import { assets } from './asset-models.ts';

type Feeds = Record<string, Tensor>;

/** Inputs like those the models were trained for: pictures, speech, text and files from the assets. */
export const realFeeds: Readonly<Record<string, () => Feeds>> = {
  'sst2-encoder/model.onnx': () => tokens('sst2-encoder'),
  'sst2-bilstm/model.onnx': () => tokens('sst2-bilstm'),
  'nnsplit-en/model.onnx': () => {
    const text = Buffer.from('This is a test This is another test. And now comes something longer than tha');
    return { input: new Tensor('uint8', new Uint8Array(text), [1, text.length]) };
  },
  'magika/model.onnx': () => ({ bytes: fileEnds(1) }),
  'super-resolution/model.onnx': () => ({ input: waves([1, 1, 224, 224], 0.5, 0.4) }),
  'ultraface/version-RFB-320.onnx': () => ({ input: waves([1, 3, 240, 320], 0, 0.9) }),
  'dtln/model_1.onnx': () => ({
    input_2: new Tensor('float32', waves([1, 1, 257], 0.2, 0.2).data as Float32Array, [1, 1, 257]),
    input_3: waves([1, 2, 128, 2], 0, 0.3),
  }),
  'mlperf-tiny/ad01_fp32.onnx': () => ({ input: waves([1, 640], -20, 15) }),
  'mlperf-tiny/kws_ref_model_float32.onnx': () => ({ input: waves([1, 1, 49, 10], 0, 20) }),
  'mlperf-tiny/pretrainedResnet.onnx': () => ({ input: pictures(4, [0, 0, 0], [1 / 255, 1 / 255, 1 / 255]) }),
  'mlperf-tiny/vww_96_float.onnx': () => ({ input: waves([1, 3, 96, 96], 0.5, 0.4) }),
};

/** Frames of speech for silero-vad: 64 samples of context and 512 new ones at 16 kHz. */
export function speechFrames(count: number, first = 40): Float32Array[] {
  const bytes = readFileSync(join(assets, 'silero-vad', 'test.wav'));
  const start = bytes.indexOf('data') + 8;
  return Array.from({ length: count }, (_, frame) => {
    const at = start + 2 * ((first + frame) * 512 - 64);
    return Float32Array.from({ length: 576 }, (_, i) => bytes.readInt16LE(at + 2 * i) / 32768);
  });
}

/** The first `count` sentences of the development set, one feed each, with labels. */
export function sentences(model: string, count: number): { feeds: Feeds; label: number }[] {
  const rows = JSON.parse(readFileSync(join(assets, model, 'tokens_dev.json'), 'utf8')) as [
    number[],
    number,
  ][];
  return rows.slice(0, count).map(([ids, label]) => ({ feeds: tokenFeeds(ids), label }));
}

const tokens = (model: string): Feeds => sentences(model, 4)[3]!.feeds;

function tokenFeeds(ids: readonly number[]): Feeds {
  const dims = [1, ids.length];
  return {
    input_ids: new Tensor('int64', BigInt64Array.from(ids, BigInt), dims),
    attention_mask: new Tensor('int64', new BigInt64Array(ids.length).fill(1n), dims),
  };
}

/** CIFAR pictures, NCHW, (x/255 - mean) / std. */
function pictures(count: number, mean: readonly number[], std: readonly number[]): Tensor {
  const bytes = readFileSync(join(assets, 'cifar10', 'test-4000.images.u8'));
  const data = new Float32Array(count * 3072);
  for (let i = 0; i < data.length; i++) {
    const [picture, channel, pixel] = [Math.floor(i / 3072), Math.floor(i / 1024) % 3, i % 1024];
    data[i] = (bytes[picture * 3072 + pixel * 3 + channel]! / 255 - mean[channel]!) / std[channel]!;
  }
  return new Tensor('float32', data, [count, 3, 32, 32]);
}

/** A smooth signal around `centre` with a little noise. */
function waves(dims: readonly number[], centre: number, size: number): Tensor {
  const random = seededRandom(7);
  const count = dims.reduce((a, b) => a * b, 1);
  const value = (i: number) => centre + size * (0.8 * Math.sin(i / 37) + 0.2 * (2 * random() - 1));
  return new Tensor(
    'float32',
    Float32Array.from({ length: count }, (_, i) => value(i)),
    dims,
  );
}

/** First and last 1,024 bytes of sample files, 256 where a file is shorter. */
function fileEnds(count: number): Tensor {
  const root = join(assets, 'magika', 'files');
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((f) => f.isFile());
  const paths = files.map((f) => join(f.parentPath, f.name)).sort();
  const data = new Int32Array(count * 2048).fill(256);
  for (const [row, path] of paths.slice(0, count).entries()) {
    const bytes = readFileSync(path);
    for (let i = 0; i < Math.min(1024, bytes.length); i++) {
      data[row * 2048 + i] = bytes[i]!;
      data[row * 2048 + 2047 - i] = bytes[bytes.length - 1 - i]!;
    }
  }
  return new Tensor('int32', data, [count, 2048]);
}
