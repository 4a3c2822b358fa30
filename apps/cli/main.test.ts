import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

/** The built command line as a child process: what a user sees on both streams, and the exit code. */

const root = resolve(import.meta.dirname, '../..');
const main = join(root, 'dist/apps/cli/main.js');
const model = join(root, 'examples/glyphs/glyphs.onnx');
let folder: string;

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function lowbit(
  args: readonly string[],
  options: { interruptWhen?: () => Promise<boolean> } = {},
): Promise<Outcome> {
  return new Promise((done, failed) => {
    const env = { ...process.env, NO_COLOR: '1', LOWBIT_DEBUG: '' };
    const child = spawn(process.execPath, [main, ...args], { cwd: folder, env });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => (stdout += chunk));
    child.stderr.on('data', (chunk) => (stderr += chunk));
    child.on('error', failed);
    let timer: NodeJS.Timeout | undefined;
    const { interruptWhen } = options;
    if (interruptWhen !== undefined) {
      timer = setInterval(async () => {
        if (await interruptWhen()) child.kill('SIGINT');
      }, 100);
    }
    child.on('close', (code) => {
      clearInterval(timer);
      done({ code, stdout, stderr: stderr.replaceAll(folder, '<folder>').replaceAll(root, '<root>') });
    });
  });
}

beforeAll(async () => {
  if (!existsSync(main)) throw new Error('These tests run the built command line: npm run build first.');
  folder = await mkdtemp(join(tmpdir(), 'lowbit-cli-'));
  // Forty pictures of slanted lines whose labels have nothing to do with them.
  const pixels = Uint8Array.from({ length: 40 * 784 }, (_, i) => ((i * 37) % 251) * (i % 29 < 9 ? 1 : 0));
  await writeFile(join(folder, 'images.u8'), pixels);
  await writeFile(
    join(folder, 'labels.u8'),
    Uint8Array.from({ length: 40 }, (_, i) => i % 36),
  );
});

afterAll(() => rm(folder, { recursive: true }));

const quick = ['--runs', '2', '--no-memory'];

test('help of the whole and of a command', async () => {
  const [overview, quantize] = await Promise.all([lowbit(['--help']), lowbit(['quantize', '--help'])]);
  expect(overview.code).toBe(0);
  expect(overview.stdout).toMatchInlineSnapshot(`
    "lowbit 0.1.0: store and compute a trained network in fewer bits, and see what it cost.

    Usage
      lowbit <command> [flags]

    Commands
      inspect       Say what a model holds: inputs, operators, weights, what is quantized.
      quantize      Quantize a model to one or more presets, verify and measure the result.
      convert       Store a model in another container: GGUF, .lowbit and back, a folder as floats.
      evaluate      Measure a model on data, alone or against another.
      compare       Compare models with a reference: outputs, size, speed, memory.
      presets       List what a model can be quantized to.
      formats       List the number formats, or explain one with its levels drawn.
      distribution  Show how a tensor's values meet the levels of formats: histogram, levels, error.
      observers     List the ways to choose the range of an activation.

    Examples
      lowbit inspect model.onnx
      lowbit quantize model.onnx --to int8 --calibrate data/ --evaluate data/ -o model.int8.onnx
      lowbit quantize model.onnx --to int8-dynamic,fp16,q4 -o out/
      lowbit compare model.onnx model.int8.onnx --data data/
      lowbit quantize ./checkpoint --to gguf:Q4_K_M -o model.Q4_K_M.gguf

    lowbit <command> --help lists the flags of a command. lowbit --version prints the version.
    "
  `);
  expect(quantize.stdout).toContain(
    'lowbit quantize model.onnx --to int8 --calibrate data/ --evaluate data/',
  );
  // A flag for every key of the recipe.
  const { recipeSchema } = (await import(join(root, 'dist/src/index.js'))) as typeof import('lowbit');
  const flags = Object.keys(recipeSchema.shape)
    .filter((key) => key !== 'version')
    .map((key) => ({ overrides: 'override', tensorTypes: 'tensorType' })[key] ?? key)
    .map((key) => `--${key.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`);
  expect(flags.filter((flag) => !quantize.stdout.includes(`${flag} `))).toEqual([]);
});

test('what a command line can get wrong: exit code 2 and the way out', async () => {
  await writeFile(join(folder, 'recipe.json'), '{"to": "q4", "blokSize": 32}');
  await writeFile(join(folder, 'broken.json'), '{');
  await writeFile(join(folder, 'noise.onnx'), 'this is no model');
  const lines = [
    ['quantise', model],
    ['quantize', model, '--callibrate', 'x'],
    ['quantize', model],
    ['quantize', model, '--to', 'q9'],
    ['quantize', model, '--to', 'int8-dynamc'],
    ['quantize', model, '--to', 'q4', '--override', 'Conv'],
    ['quantize', model, '--to', 'q4', '--threads', '0'],
    ['quantize', model, '--to', 'q4,fp16', '-o', 'several.onnx'],
    ['quantize', model, '--to', 'int8', '--dry-run', '--observer', 'best'],
    ['quantize', model, '--to', 'int8', '-o', 'a.onnx'],
    ['quantize', model, '--recipe', 'recipe.json'],
    ['quantize', model, '--recipe', 'broken.json'],
    ['quantize', model, '--to', 'q4', '--max-drop', '0.5'],
    ['quantize', 'nothere.onnx', '--to', 'q4'],
    ['quantize', 'noise.onnx', '--to', 'q4'],
    ['quantize', model, '--to', 'int8', '--calibrate', 'nowhere/', '-o', 'a.onnx'],
    ['evaluate', model],
    ['compare', model],
  ];
  const outcomes = await Promise.all(lines.map((args) => lowbit(args)));
  expect(outcomes.map((o) => o.code)).toEqual(lines.map(() => 2));
  expect(outcomes.map((o) => o.stdout).join('')).toBe('');
  // The lists of known names grow with their tables.
  const said = outcomes
    .map((o) =>
      o.stderr.replace(/Known: .*/, 'Known: ...').replace(/(no valid JSON: )\S.*\S(\. Write)/, '$1<where>$2'),
    )
    .join('');
  expect(said).toMatchInlineSnapshot(`
    "error: There is no command 'quantise'. Did you mean 'quantize'? Commands: inspect, quantize, convert, evaluate, compare, presets, formats, distribution, observers.
    error: lowbit quantize has no flag '--callibrate'. Did you mean '--calibrate'? See lowbit quantize --help.
    error: lowbit quantize needs --to: 'lowbit quantize <root>/examples/glyphs/glyphs.onnx --to int8'. See lowbit quantize --help.
    error: Unknown preset 'q9'. Known: ...
    error: Unknown preset 'int8-dynamc'. Did you mean 'int8-dynamic'? Known: ...
    error: --override wants pattern=preset, got 'Conv'.
    error: --threads wants a whole number of at least 1, got 0.
    error: several.onnx names one file, but several presets, or a layout with folders, need a folder. Name one, such as 'several/', or give a single preset.
    error: Unknown observer 'best'. Known: ...
    error: Preset 'int8' needs data to calibrate its activation ranges, and none was given. Give some with --calibrate (100 to 1000 typical samples), or choose a preset that needs none: int8-dynamic, q8, q4, fp16.
    error: The recipe is not valid:
      unknown key 'blokSize' in recipe.json; did you mean 'blockSize'?
    error: broken.json is damaged or not what its name says: it is no valid JSON: <where>. Write the file again.
    error: Limit '0.5' is a bare number, and nobody can tell a fraction from points. Write '0.5%': percentage points for rates (accuracy, F1), relative percent for errors.
    error: There is no file nothere.onnx. Check the path.
    error: noise.onnx is not an ONNX model: no graph comes before byte 0, where field 'metadata_props' of ModelProto has wire type 4. Give a .onnx file.
    error: There is no data at nowhere/. Check the path.
    error: lowbit evaluate needs --data: 'lowbit evaluate <model> --data <data>'. See lowbit evaluate --help.
    error: lowbit compare needs <candidates>: 'lowbit compare <reference> <candidates>...'. See lowbit compare --help.
    "
  `);
  expect(existsSync(join(folder, 'a.onnx'))).toBe(false);
});

test('inspect: a text for people, one JSON document for programs', async () => {
  const [text, json] = await Promise.all([lowbit(['inspect', model]), lowbit(['inspect', model, '--json'])]);
  expect(text.stdout).toContain('pixels: float32 [batch, 1, 28, 28]');
  expect(JSON.parse(json.stdout)).toMatchObject({ schema: 1, opsets: { 'ai.onnx': 13 } });
  expect([json.stderr, json.code]).toEqual(['', 0]);
});

test('quantize: writes once, refuses to overwrite, replaces when forced', async () => {
  const args = ['quantize', model, '--to', 'int8-dynamic', '-o', 'dynamic.onnx', ...quick];
  const first = await lowbit([...args, '--json']);
  expect([first.code, first.stderr]).toEqual([0, '']);
  const record = JSON.parse(first.stdout);
  const { size } = await stat(join(folder, 'dynamic.onnx'));
  expect(record.outputs[0]).toMatchObject({
    preset: 'int8-dynamic',
    status: 'done',
    file: { sizeBytes: size },
  });

  const again = await lowbit(args);
  expect([again.code, again.stdout]).toEqual([2, '']);
  expect(again.stderr).toContain('dynamic.onnx is already there');
  const forced = await lowbit([...args, '--force', '--quiet']);
  expect(forced).toEqual({ code: 0, stdout: '', stderr: '' });
});

test('a plan writes nothing', async () => {
  const before = await readdir(folder);
  const { code, stdout } = await lowbit(['quantize', model, '--to', 'int8,fp16', '--dry-run']);
  expect([code, await readdir(folder)]).toEqual([0, before]);
  expect(stdout).toContain('plan only: nothing is written');
});

test('a limit that is not met: exit code 3, the worst layers, no file', async () => {
  await writeFile(
    join(folder, 'described.json'),
    JSON.stringify({
      inputs: { pixels: { file: 'images.u8', shape: [28, 28], scale: '1/255', mean: 0.3, std: 0.25 } },
      labels: { file: 'labels.u8' },
    }),
  );
  const data = ['--calibrate', 'images.u8', '--evaluate', 'images.u8', '--data-spec', 'described.json'];
  const args = [
    'quantize',
    model,
    '--to',
    'int8',
    ...data,
    '--min-metric',
    'top-1>=0.99',
    '-o',
    'never.onnx',
    ...quick,
  ];
  const { code, stdout } = await lowbit(args);
  expect(code).toBe(3);
  expect(stdout).toMatch(/limit top-1>=0\.99 on top-1: NOT MET: [\d.]+ % \(95 % interval/);
  expect(stdout).toMatch(/\nint8 {2}NOT WRITTEN, its limit was not met\n/);
  expect(stdout).toMatch(/\nint8: NOT WRITTEN, its limit was not met\. Keep [^\n]*(\n [^\n]*)?\n$/);
  expect(stdout).toContain('worst layers:');
  expect(stdout).not.toContain('assumed:');
  expect(existsSync(join(folder, 'never.onnx'))).toBe(false);
});

test('Ctrl-C: exit code 130 and nothing left behind', async () => {
  const out = join(folder, 'interrupted');
  await mkdir(out);
  // The staging folder appears when the run is past its plan and has years of timing before it.
  const args = [
    'quantize',
    model,
    '--to',
    'int8-dynamic',
    '--runs',
    '1000000000',
    '--no-memory',
    '-o',
    join(out, 'a.onnx'),
  ];
  const { code, stderr, stdout } = await lowbit(args, {
    interruptWhen: async () => (await readdir(out)).length > 0,
  });
  expect([code, stdout]).toEqual([130, '']);
  expect(stderr).toBe('error: The run was interrupted. Nothing was written under the final name.\n');
  expect(await readdir(out)).toEqual([]);
});

test('a reader that goes away early is no error', async () => {
  const child = spawn('sh', ['-c', `"${process.execPath}" "${main}" quantize --help | head -1`]);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  await new Promise((done) => child.on('close', done));
  expect(stdout).toMatch(/^Quantize a model/);
  expect(stderr).toBe('');
});

test('the version is that of the package', async () => {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  expect((await lowbit(['--version'])).stdout).toBe(`${version}\n`);
});
