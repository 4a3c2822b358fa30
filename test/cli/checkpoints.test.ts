/** What a user of folders for other loaders sees: files, records, refusals. Their bytes: test/conformance/checkpoints.test.ts. */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LowbitError, type QuantizeOptions, quantize, type WeightsSummary } from 'lowbit';
import { memoryFolder, memoryTensor, type TensorSource, writeSafetensorsFolder } from 'lowbit/files';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assets } from '../asset-models.ts';
import { recordOf, runLowbit } from '../run-lowbit.ts';

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'lowbit-checkpoints-'));
});
afterAll(() => rm(cwd, { recursive: true }));

const said = async (...args: string[]) => {
  const { code, stderr } = await runLowbit(args, { cwd });
  return [code, stderr];
};

/** A folder with matrices of these shapes; values fall off from 1. */
async function folder(name: string, shapes: Readonly<Record<string, readonly number[]>>, bad?: string) {
  const files = memoryFolder();
  const tensors = Object.entries(shapes).map(([tensor, shape]): TensorSource => {
    const values = Float32Array.from(
      { length: shape.reduce((a, b) => a * b, 1) },
      (_, i) => 1 / (1 + (i % 97)),
    );
    if (tensor === bad) values[3] = Number.NaN;
    return memoryTensor(tensor, shape, 'float32', new Uint8Array(values.buffer));
  });
  await writeSafetensorsFolder(files, tensors);
  const place = await mkdtemp(join(cwd, `${name}-`));
  for (const [file, bytes] of files.files) await writeFile(join(place, file), bytes);
  await writeFile(join(place, 'config.json'), '{"model_type": "llama", "rope_theta": 10000.0}');
  return place;
}

const layer = 'model.layers.0.';

test('joined layers stay together, routers and experts stay where loaders want them so', async () => {
  const place = await folder('mixture', {
    [`${layer}self_attn.q_proj.weight`]: [256, 128],
    [`${layer}self_attn.k_proj.weight`]: [64, 128],
    [`${layer}self_attn.o_proj.weight`]: [128, 256],
    [`${layer}mlp.gate.weight`]: [4, 128],
    [`${layer}mlp.experts.0.up_proj.weight`]: [128, 128],
    'model.embed_tokens.weight': [8, 128],
  });
  const made = async (to: string) => {
    const { record, stderr } = await recordOf(['quantize', place, '--to', to, '-o', `${to}/`], { cwd });
    expect(stderr).toBe('');
    const config = JSON.parse(await readFile(join(cwd, to, 'config.json'), 'utf8'));
    const names = record.outputs[0]!.stored!.tensors.map((tensor) => tensor.name.replace(layer, ''));
    return { names, config: config.quantization_config, notes: record.outputs[0]!.notes };
  };
  const fp8 = await made('fp8:block');
  expect(fp8.names).toEqual(['mlp.experts.0.up_proj.weight', 'self_attn.o_proj.weight']);
  expect(fp8.config.modules_to_not_convert.sort()).toEqual([
    'lm_head',
    'model.embed_tokens',
    `${layer}mlp.gate`,
    `${layer}self_attn.k_proj`,
    `${layer}self_attn.q_proj`,
  ]);
  expect(fp8.notes[1]).toBe(
    `2 linear layers stay in floats: '${layer}self_attn.k_proj.weight', because [64, 128] is no multiple of 128, and loaders disagree on cut blocks, ....`,
  );
  const bnb = await made('bnb:int8');
  expect(bnb.names).toEqual([
    'self_attn.k_proj.weight',
    'self_attn.o_proj.weight',
    'self_attn.q_proj.weight',
  ]);
  expect(bnb.config.llm_int8_skip_modules).toContain(`${layer}mlp.experts.0.up_proj`);
  expect((await made('fp8:channel')).config).toMatchObject({
    quant_method: 'compressed-tensors',
    format: 'float-quantized',
    ignore: ['lm_head', 'model.embed_tokens', `${layer}mlp.gate`],
  });
});

test('what cannot be made, in one line each; nothing is left', async () => {
  const names = { [`${layer}mlp.up_proj.weight`]: [8, 64] };
  const good = await folder('good', names);
  const nan = await folder('nan', names, `${layer}mlp.up_proj.weight`);
  const make = (model: string, to: string, more: Partial<QuantizeOptions> = {}) =>
    quantize({ model, to, output: join(cwd, 'no/'), ...more }).then(
      ({ outputs: [output] }) => output!.status as string,
      (error: LowbitError) => error.message,
    );
  expect(await make(nan, 'bnb:nf4')).toContain('NaN');
  expect(await make(good, 'fp8:block')).toContain('[8, 64] is no multiple of 128');
  expect(await make(good, 'bnb:nf5')).toContain("Did you mean 'bnb:nf4'?");
  expect(await make(good, 'bnb:nf4,int8')).toContain('a run of its own');
  expect(await make(good, 'bnb:nf4', { resume: true })).toContain('resume: ');
  expect(await make(good, 'bnb:nf4', { blockSize: 32 })).toContain('blockSize: it is not about bnb:nf4');
  expect(await make(good, 'bnb:nf4', { only: ['*.q_proj.weight'] })).toContain(
    "'*.q_proj.weight' matches no tensor",
  );
  expect(await said('convert', good, '--to', 'fp8:tensor', '-o', 'no/')).toEqual([
    2,
    expect.stringContaining('fp8:tensor is made by quantize'),
  ]);
  expect(await make(good, 'bnb:nf4', { dryRun: true })).toBe('planned');
  expect(existsSync(join(cwd, 'no'))).toBe(false);
  expect(await make(good, 'bnb:nf4')).toBe('done');
  expect(await make(good, 'bnb:nf4')).toContain('already there');
});

test('damaged folders of bitsandbytes are refused by what is wrong', async () => {
  const place = await folder('state', { [`${layer}mlp.up_proj.weight`]: [8, 64] });
  expect(await said('quantize', place, '--to', 'bnb:nf4', '-o', 'state/')).toEqual([0, '']);
  const path = join(cwd, 'state/model.safetensors');
  const bytes = await readFile(path, 'latin1');
  await writeFile(path, bytes.replace('"blocksize": 64', '"blocksize": 99'), 'latin1');
  expect(await said('convert', 'state', '--to', 'safetensors:float32', '-o', 'no/')).toEqual([
    2,
    `error: Tensor '${layer}mlp.up_proj.weight' is quantized by bitsandbytes (config.json), but '.absmax' is float32 [8], not 6 float32. Save the checkpoint again with a current bitsandbytes, or take the unquantized one.`,
  ]);
});

test('presets lists the folders', async () => {
  const { stdout } = await runLowbit(['presets'], { cwd });
  expect(stdout).toMatch(/^bnb:nf4-double +4\.13 +transformers with bitsandbytes, vLLM$/m);
});

const checkpoint = join(assets, 'lm-4m');
const missing = existsSync(checkpoint) ? '' : ': LOWBIT_ASSETS has no lm-4m';
describe.skipIf(missing !== '')(`a trained model${missing}`, () => {
  test('a folder of NF4, inspected, to GGUF, and into another layout', async () => {
    const { code, record, stderr } = await recordOf(
      ['quantize', checkpoint, '--to', 'bnb:nf4-double', '-o', 'nf4/'],
      { cwd },
    );
    expect([code, stderr]).toEqual([0, '']);
    const [output] = record.outputs;
    expect(output!.file!.sizeBytes).toBe((await stat(join(cwd, 'nf4/model.safetensors'))).size);
    expect(output!.stored!.tensors).toHaveLength(28);
    for (const { sqnrDb } of output!.stored!.tensors) expect(sqnrDb).toBeGreaterThan(20);
    expect((await readdir(join(cwd, 'nf4'))).sort()).toEqual((await readdir(checkpoint)).sort());

    const seen = JSON.parse(
      (await runLowbit(['inspect', 'nf4', '--json'], { cwd })).stdout,
    ) as WeightsSummary;
    expect(seen.parameters).toBe(5_245_184);
    expect(seen.stored!.tensors.map(({ as }) => as)).toEqual(Array(28).fill('nf4'));
    expect(seen.stored!.bitsPerWeight).toBeCloseTo(output!.stored!.bitsPerWeight, 9);

    const gguf = await runLowbit(['convert', 'nf4', '--to', 'gguf:f16', '-o', 'm.gguf'], { cwd });
    expect([gguf.code, gguf.stderr]).toEqual([0, '']);
    const again = await recordOf(['quantize', 'nf4', '--to', 'fp8:channel', '-o', 'fp8/'], { cwd });
    expect(again.record.outputs[0]!.stored!.tensors).toHaveLength(28);
  });

  test('a dry run says about how large the folder will be', async () => {
    const planned = await recordOf(['quantize', checkpoint, '--to', 'fp8:block', '--dry-run'], { cwd });
    const made = await recordOf(['quantize', checkpoint, '--to', 'fp8:block', '-o', 'block/'], { cwd });
    const ratio = planned.record.outputs[0]!.predictedSizeBytes! / made.record.outputs[0]!.file!.sizeBytes;
    expect(Math.abs(ratio - 1)).toBeLessThan(0.01);
  });
});
