import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { memoryFolder, memoryTensor, writeSafetensorsFolder } from '../../files/index.ts';
import type { LowbitError } from '../../tensor/index.ts';
import { convert } from '../convert.ts';
import { quantize } from '../quantize.ts';

/** What runs on folders and .lowbit files read of their options, and what travels with the weights. */

const glyphs = new URL('../../../examples/glyphs/glyphs.onnx', import.meta.url).pathname;
const weight = 'model.layers.0.mlp.up_proj.weight';
const companions = ['README.md', 'config.json', 'modeling_own.py', 'vocab.model'];
let place: string;
let model: string;

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'lowbit-folder-options-'));
  model = join(place, 'model');
  const folder = memoryFolder();
  const values = Float32Array.from({ length: 512 }, (_, i) => Math.sin(i * 1.7));
  await writeSafetensorsFolder(folder, [
    memoryTensor(weight, [8, 64], 'float32', new Uint8Array(values.buffer)),
  ]);
  await mkdir(join(model, 'more'), { recursive: true });
  for (const [name, bytes] of folder.files) await writeFile(join(model, name), bytes);
  await writeFile(join(model, 'config.json'), '{"model_type":"llama"}');
  for (const name of ['README.md', 'modeling_own.py', 'vocab.model'])
    await writeFile(join(model, name), name);
  for (const name of ['pytorch_model.bin', 'model.onnx', 'pytorch_model.bin.index.json', '.hidden', 'w.gguf'])
    await writeFile(join(model, name), 'x');
  await writeFile(join(place, 'secret.txt'), 'secret');
  await symlink(join(place, 'secret.txt'), join(model, 'link.txt'));
});
afterAll(() => rm(place, { recursive: true }));

const refusal = (run: Promise<unknown>): Promise<LowbitError> =>
  run.then(
    () => expect.fail('not refused'),
    (error: LowbitError) => error,
  );

test('all files beside the weights travel, but for weights, hidden files and links that leave', async () => {
  const q = join(place, 'q/');
  await quantize({ model, to: 'safetensors:int4/16+rans', output: q });
  expect((await readdir(q)).sort()).toEqual([...companions, 'model.safetensors'].sort());
  const back = join(place, 'back/');
  await convert({ model: q, to: 'safetensors:float32', output: back });
  expect((await readdir(back)).sort()).toEqual([...companions, 'model.safetensors'].sort());
  const loaded = join(place, 'fp8/');
  await quantize({ model, to: 'fp8:channel', output: loaded });
  expect((await readdir(loaded)).sort()).toEqual([...companions, 'model.safetensors'].sort());
});

test('options that are not read are refused by name', async () => {
  const output = memoryFolder();
  const to = 'safetensors:nf4/64';
  const error = await refusal(
    quantize({ model, output, to, blockSize: 32, maxDrop: '1%', calibrate: 'x', evaluate: 'y' }),
  );
  expect(error.message).toBe(
    `The recipe is not valid:
  blockSize: it is not about safetensors:nf4/64, which takes keep and only
  maxDrop: it is not about safetensors:nf4/64, which takes keep and only
  calibrate: safetensors:nf4/64 needs no data
  evaluate: safetensors:nf4/64 is stored and not run; convert it to safetensors:float16, and that to GGUF, to measure it here`,
  );
  const others: [string, Parameters<typeof convert>[0]][] = [
    ['safetensors:float32', { model, output, to: 'safetensors:float32', keep: ['*'] }],
    ['lowbit', { model: glyphs, output, to: 'lowbit', keep: ['*'] }],
    ['onnx', { model: glyphs, output, to: 'onnx', keep: ['*'] }],
  ];
  for (const [label, options] of others)
    expect((await refusal(convert(options))).message).toContain(
      `keep: it is not about ${label}, which takes nothing of a recipe`,
    );
  expect(output.files.size).toBe(0);
});

test.each(['safetensors:nf4/64', 'bnb:nf4', 'fp8:channel'])(
  '%s: a pattern that names no tensor',
  async (to) => {
    const output = memoryFolder();
    for (const key of ['keep', 'only'] as const) {
      const error = await refusal(quantize({ model, output, to, [key]: ['*', 'model.layer.*'] }));
      expect(error.code).toBe('recipe/tensor-unmatched');
      expect(error.message).toBe(
        `The ${key} pattern 'model.layer.*' matches no tensor's name in this model. Tensors: ${weight}. Correct the pattern; * stands for any characters.`,
      );
    }
  },
);

test('+rans: the way out is named; a dry run of a .lowbit file plans', async () => {
  const to = 'format:int5/channel+rans';
  const error = await refusal(quantize({ model: glyphs, output: join(place, 'g.onnx'), to }));
  expect(error.message).toContain(
    'write -o model.lowbit, which packs the ONNX file; for a folder of safetensors, --to safetensors:int5/channel+rans; or leave +rans out',
  );
  const output = join(place, 'g.lowbit');
  const before = await readdir(place);
  const { outputs } = await quantize({ model: glyphs, output, to, dryRun: true });
  expect(outputs.map(({ preset, status }) => [preset, status])).toEqual([[to, 'planned']]);
  expect(outputs[0]!.predictedSizeBytes).toBeGreaterThan(1000);
  expect(outputs[0]!.notes.at(-1)).toContain('which would be packed');
  expect(await readdir(place)).toEqual(before);
});
