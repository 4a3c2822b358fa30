/** Recipes in a file: what a flag can say, a file can; flags win; what is no recipe is refused by name. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { glyphModel, recordOf, runLowbit } from '../run-lowbit.ts';

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'lowbit-recipe-'));
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

const write = (name: string, recipe: unknown) => writeFile(join(cwd, name), JSON.stringify(recipe));
const plan = (...args: string[]) => recordOf(['quantize', glyphModel, '--dry-run', ...args], { cwd });

test('a file is the recipe, and flags win over it, key by key', async () => {
  await write('r.json', {
    version: 1,
    to: ['int8-weights', 'fp16'],
    keep: ['/stem/*'],
    overrides: { Gemm: 'q4' },
  });
  const { record } = await plan('--recipe', 'r.json');
  expect(record.outputs.map((o) => o.preset)).toEqual(['int8-weights', 'fp16']);
  const [weights] = record.outputs;
  expect(weights!.tensors.find((t) => t.op === 'Gemm')!.format).toBe('uint4');
  expect(weights!.kept).toContainEqual(
    expect.objectContaining({ node: '/stem/stem.0/Conv', why: "kept float by '/stem/*'" }),
  );

  const flagged = await plan('--recipe', 'r.json', '--to', 'int8-weights', '--override', 'Gemm=q8-weights');
  expect(flagged.record.outputs).toHaveLength(1);
  const [output] = flagged.record.outputs;
  expect(output!.tensors.find((t) => t.op === 'Gemm')!.format).toBe('uint8');
  expect(output!.kept.map((k) => k.node)).toContain('/stem/stem.0/Conv');
});

test('a file says what flags say: the same plan', async () => {
  await write('same.json', { to: 'q8-weights', only: ['Gemm'], blockSize: 64, symmetric: false });
  const [file, flags] = await Promise.all([
    plan('--recipe', 'same.json'),
    plan('--to', 'q8-weights', '--only', 'Gemm', '--block-size', '64', '--asymmetric'),
  ]);
  expect({ ...file.record.outputs[0], seconds: 0 }).toEqual({ ...flags.record.outputs[0], seconds: 0 });
  expect(file.record.outputs[0]!.tensors[0]).toMatchObject({ granularity: 'per-group(1, 64)' });
});

test('what is no recipe', async () => {
  const cases: Record<string, unknown> = {
    key: { to: 'q4', blokSize: 32, keeep: [] },
    version: { version: 2, to: 'q4' },
    value: { to: 'q4', blockSize: 33, keep: 'Gemm', calibrationSamples: 0 },
    preset: { to: 'q4', overrides: { Gemm: 'q5' } },
    list: ['q4'],
    empty: { to: [] },
  };
  const said: string[] = [];
  for (const [name, recipe] of Object.entries(cases)) {
    await write(`${name}.json`, recipe);
    const { code, stdout, stderr } = await runLowbit(['quantize', glyphModel, '--recipe', `${name}.json`], {
      cwd,
    });
    expect([code, stdout], name).toEqual([2, '']);
    said.push(`${name}: ${stderr.replace(/Known: .*/, 'Known: ...')}`);
  }
  expect(said.join('\n')).toMatchInlineSnapshot(`
    "key: error: The recipe is not valid:
      unknown key 'blokSize' in key.json; did you mean 'blockSize'?
      unknown key 'keeep' in key.json; did you mean 'keep'?
    version: error: The recipe is not valid:
      version: Invalid input: expected 1
    value: error: The recipe is not valid:
      calibrationSamples: Too small: expected number to be >0
      blockSize: Invalid input
      keep: Invalid input: expected array, received string
    preset: error: Unknown preset 'q5'. Known: ...
    list: error: The recipe is not valid:
      list.json is no recipe: wanted an object such as {"to": "int8"}
    empty: error: The recipe is not valid:
      to: Too small: expected array to have >=1 items"
  `);
  expect((await readdir(cwd)).filter((name) => name.endsWith('.onnx'))).toEqual([]);
});
