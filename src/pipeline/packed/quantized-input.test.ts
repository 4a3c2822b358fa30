/** Folders that are quantized already, as input: whatever reads them decodes them first. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assets } from '../../../test/asset-models.ts';
import {
  memoryFolder,
  memoryTensor,
  openFile,
  openSafetensorsFolder,
  rowCountOf,
  type TensorSource,
  writeSafetensorsFolder,
} from '../../files/index.ts';
import { fromFloat32 } from '../../numerics/index.ts';
import type { WeightsSummary } from '../../report/index.ts';
import { bytesOf } from '../../tensor/index.ts';
import { convert, inspect, quantize } from '../index.ts';
import { openNamedWeights } from '../named-weights.ts';

let cwd: string;
let source: string;
const weight = 'model.layers.0.mlp.up_proj.weight';
const values = Float32Array.from({ length: 128 * 128 }, (_, i) => Math.sin(i * i) / (1 + (i % 7)));
const norm = Float32Array.from({ length: 128 }, (_, i) => 1 + i / 128);

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'lowbit-quantized-input-'));
  source = await mkdtemp(join(cwd, 'source-'));
  const files = memoryFolder();
  const tensor = (name: string, dims: readonly number[], all: Float32Array, type: 'bfloat16' | 'float16') =>
    memoryTensor(name, dims, type, bytesOf(fromFloat32(all, dims, type)));
  const tensors: TensorSource[] = [
    tensor(weight, [128, 128], values, 'float16'),
    tensor('model.norm.weight', [128], norm, 'bfloat16'),
    tensor('model.embed_tokens.weight', [8, 128], values.slice(0, 1024), 'bfloat16'),
  ];
  await writeSafetensorsFolder(files, tensors);
  for (const [file, bytes] of files.files) await writeFile(join(source, file), bytes);
  await writeFile(
    join(source, 'config.json'),
    '{"model_type": "llama", "torch_dtype": "bfloat16", "rope_theta": 10000.0}',
  );
});
afterAll(() => rm(cwd, { recursive: true }));

const at = (name: string) => join(cwd, name);
const made = async (model: string, to: string, output: string) => {
  const { outputs } = await quantize({ model, to, output: `${at(output)}/`, force: true });
  return outputs[0]!;
};
const sqnr = (is: Float32Array): number => {
  let [signal, noise] = [0, 0];
  for (const [i, x] of values.entries()) {
    signal += x * x;
    noise += (x - is[i]!) ** 2;
  }
  return 10 * Math.log10(signal / noise);
};
async function read(folder: string): Promise<Map<string, string>> {
  const opened = await openSafetensorsFolder((await openFile(join(folder, 'config.json'))).siblings);
  await opened.close();
  return new Map([...opened.tensors.values()].map(({ name, type }) => [name, type]));
}
async function weights(folder: string): Promise<Map<string, { type: string; values: Float32Array }>> {
  const opened = await openNamedWeights(folder);
  const list = new Map<string, { type: string; values: Float32Array }>();
  for (const one of opened.weights) list.set(one.name, { type: one.type, values: await one.read() });
  await opened.close();
  return list;
}
const bytesOfReals = (reals: Float32Array) =>
  new Uint8Array(reals.buffer, reals.byteOffset, reals.byteLength);
const plainNames = [weight, 'model.embed_tokens.weight', 'model.norm.weight'].sort();

test.each([
  ['safetensors:nf4/64+double+rans', 18, 'nf4/64+double+rans'],
  ['safetensors:int4/64', 17, 'int4/64'],
  ['bnb:nf4', 18, 'uint8'],
  ['bnb:int8', 35, 'int8'],
  ['fp8:block', 28, 'float8e4m3fn'],
])('%s: read as weights, quantized again, and back to floats', async (to, dB, type) => {
  const first = to.replace(/\W/g, '-');
  const output = await made(source, to, first);
  expect(output.stored!.tensors[0]!.sqnrDb).toBeGreaterThan(dB);
  expect(output.stored!.sqnrDb).toBeCloseTo(output.stored!.tensors[0]!.sqnrDb!, 6);
  expect(output.notes.join()).not.toContain('decoded first');

  const dry = await quantize({ model: source, to, output: at('dry/'), dryRun: true });
  const size = output.file!.sizeBytes;
  expect(dry.outputs[0]!.predictedSizeBytes! / size).toBeGreaterThan(0.85);
  expect(dry.outputs[0]!.predictedSizeBytes! / size).toBeLessThan(1.1);
  expect(dry.outputs[0]!.stored!.tensors.map(({ name }) => name)).toEqual([weight]);
  const { parameters, stored } = (await inspect(at(first))) as WeightsSummary;
  expect(parameters).toBe(128 * 128 + 128 + 1024);
  expect(stored!.tensors.map(({ name }) => name)).toEqual([weight]);

  const seen = await weights(at(first));
  expect([...seen.keys()].sort()).toEqual(plainNames);
  expect(seen.get(weight)!.type).toBe(type);
  expect(sqnr(seen.get(weight)!.values)).toBeCloseTo(output.stored!.tensors[0]!.sqnrDb!, 1);

  for (const again of ['safetensors:int8/64', 'bnb:int8', 'fp8:tensor']) {
    const second = await made(at(first), again, `${first}-2`);
    expect(second.stored!.tensors.map(({ name }) => name)).toEqual([weight]);
    expect(second.notes.join()).toContain('decoded first');
    const twice = await weights(at(`${first}-2`));
    expect([...twice.keys()].sort()).toEqual(plainNames);
    expect(sqnr(twice.get(weight)!.values)).toBeGreaterThan(Math.min(dB, 30) - 1.5);
    const config = JSON.parse(await readFile(join(at(`${first}-2`), 'config.json'), 'utf8'));
    expect(config.quantization_config === undefined).toBe(again.startsWith('safetensors'));
  }

  // Without a config.json that says it, too.
  await writeFile(join(at(first), 'config.json'), await readFile(join(source, 'config.json')));
  await convert({ model: at(first), to: 'safetensors:float16', output: `${at(first)}-f/` });
  const types = await read(`${at(first)}-f`);
  expect([...types]).toEqual(expect.arrayContaining(plainNames.map((name) => [name, 'float16'])));
  expect(types.size).toBe(3);
  expect(await readFile(join(`${at(first)}-f`, 'config.json'), 'utf8')).toContain(
    '"rope_theta": 10000.0,\n  "torch_dtype": "float16"',
  );
  expect(sqnr((await weights(`${at(first)}-f`)).get(weight)!.values)).toBeGreaterThan(dB);
});

test('the same layout again is exact, and says against what', async () => {
  await made(source, 'bnb:nf4', 'exact');
  const output = await made(at('exact'), 'bnb:nf4', 'exact-2');
  expect(output.stored!.tensors[0]!.sqnrDb).toBe(Number.POSITIVE_INFINITY);
  expect(output.notes.join()).toContain('SQNR is measured against that');
});

test('weights of an earlier output are refused, and with force they are gone', async () => {
  await made(source, 'bnb:nf4', 'earlier');
  const shard = join(at('earlier'), 'model-00001-of-00002.safetensors');
  const index = join(at('earlier'), 'model.safetensors.index.json');
  const other = join(at('earlier'), 'adapter.bin');
  const bytes = await readFile(join(at('earlier'), 'model.safetensors'));
  for (const to of ['bnb:nf4', 'safetensors:int4/64']) {
    await rm(join(at('earlier'), 'model.safetensors'));
    for (const file of [shard, index, other]) await writeFile(file, bytes);
    const run = { model: source, to, output: `${at('earlier')}/` };
    await expect(quantize(run)).rejects.toThrow(/already there/);
    await rm(join(at('earlier'), 'config.json'));
    await expect(quantize(run)).rejects.toThrow(/model.*already there/);
    expect(existsSync(shard)).toBe(true);
    await quantize({ ...run, force: true });
    const left = (await readdir(at('earlier'))).sort();
    expect(left).toEqual(['adapter.bin', 'config.json', 'model.safetensors']);
  }
});

test('a tensor is the source only once: rows read in pieces are those of the whole', async () => {
  await made(source, 'safetensors:int4/64', 'rows');
  const { readableTensors } = await import('../../architectures/index.ts');
  const opened = await openSafetensorsFolder((await openFile(join(at('rows'), 'config.json'))).siblings);
  const tensor = (await readableTensors(opened, undefined, 'rows')).get(weight)!;
  const whole = await tensor.read(0, rowCountOf(tensor.shape));
  const piece = await tensor.read(5, 9);
  expect(Buffer.compare(piece, whole.subarray(5 * 512, 9 * 512))).toBe(0);
  await opened.close();
});

const checkpoint = join(assets, 'lm-4m');
test.skipIf(!existsSync(checkpoint))(
  `a folder in a scheme becomes GGUF${existsSync(checkpoint) ? '' : ': LOWBIT_ASSETS has no lm-4m'}`,
  async () => {
    await made(checkpoint, 'safetensors:nf4/64+rans', 'lm');
    await convert({ model: at('lm'), to: 'safetensors:float32', output: `${at('lm-f')}/` });
    for (const model of ['lm', 'lm-f'])
      await convert({ model: at(model), to: 'gguf:q8_0', output: at(`${model}.gguf`) });
    const [straight, around] = [await weights(at('lm.gguf')), await weights(at('lm-f.gguf'))];
    expect(straight.size).toBeGreaterThan(30);
    for (const [name, { type, values: reals }] of straight) {
      expect(type).toBe(around.get(name)!.type);
      expect(Buffer.compare(bytesOfReals(reals), bytesOfReals(around.get(name)!.values))).toBe(0);
    }
  },
);

test('a target of the other kind of model is told the way', async () => {
  const said = (run: Promise<unknown>) => run.then(String, (error: Error) => error.message);
  const output = at('none/');
  const onnx = join(import.meta.dirname, '../../../examples/glyphs/glyphs.onnx');
  expect(await said(quantize({ model: source, to: 'format:int4/32', output }))).toContain(
    'takes to safetensors:int4/32, bnb:nf4',
  );
  expect(await said(quantize({ model: source, to: 'int8', output }))).toContain('safetensors:nf4/64');
  expect(await said(convert({ model: source, to: 'lowbit', output: at('none.lowbit') }))).toContain(
    'safetensors:nf4/64',
  );
  expect(await said(quantize({ model: onnx, to: 'bnb:nf4', output }))).toContain('takes format:nf4/64');
  expect(await said(quantize({ model: onnx, to: 'safetensors:int5/64+rans', output }))).toContain(
    'takes format:int5/64,',
  );
  expect(await said(quantize({ model: source, to: 'fp8', output }))).toContain("'fp8:block'");
  expect(existsSync(at('none'))).toBe(false);
});

test('a dry run of decoding tells the files and their bytes, headers included', async () => {
  await made(source, 'safetensors:nf4/64', 'for-dry');
  for (const type of ['float16', 'float32'] as const) {
    const options = { model: at('for-dry'), to: `safetensors:${type}`, output: `${at(`plain-${type}`)}/` };
    const [dry] = (await convert({ ...options, dryRun: true })).outputs;
    expect(existsSync(options.output)).toBe(false);
    const [real] = (await convert(options)).outputs;
    const { size } = await stat(join(options.output, 'model.safetensors'));
    expect(dry!.predictedSizeBytes).toBe(size);
    expect(real!.file!.sizeBytes).toBe(size);
    expect(dry!.stored!.files).toEqual([{ path: 'model.safetensors', sizeBytes: size }]);
    expect(dry!.notes.join()).toContain(`3 tensors would be written as model.safetensors`);
  }
});

test('--force takes old weights of a folder away, and leaves other files', async () => {
  const folder = at('replaced');
  await mkdir(folder);
  const stale = [
    'model.safetensors',
    'model-00001-of-00002.safetensors',
    'model-00002-of-00002.safetensors',
    'model.safetensors.index.json',
  ];
  for (const name of [...stale, 'notes.txt', 'adapter.safetensors'])
    await writeFile(join(folder, name), 'old');
  for (const to of ['safetensors:nf4/64', 'bnb:nf4']) {
    for (const name of stale.slice(1)) await writeFile(join(folder, name), 'old');
    await made(source, to, 'replaced');
    expect((await readdir(folder)).sort()).toEqual([
      'adapter.safetensors',
      'config.json',
      'model.safetensors',
      'notes.txt',
    ]);
  }
});
