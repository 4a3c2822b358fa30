/** Number formats as targets: what a user sees and gets. */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { glyphModel, recordOf, runLowbit, writeGlyphs } from '../run-lowbit.ts';

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'lowbit-formats-'));
  await writeGlyphs(join(cwd, 'data'), 40);
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

const quantize = (...args: string[]) => ['quantize', glyphModel, '--runs', '0', '--no-memory', ...args];

test('two formats and a preset: files, records, guardrails', async () => {
  const to = 'format:nf4/64+double,format:int5/channel:restricted,range=mse,q4';
  const { code, record } = await recordOf(
    quantize('--to', to, '--evaluate', 'data', '--max-drop', '50%', '-o', 'out/'),
    { cwd },
  );
  expect(code).toBe(0);
  expect(record.outputs.map(({ preset, status }) => [preset, status])).toEqual([
    ['format:nf4/64+double', 'done'],
    ['format:int5/channel:restricted,range=mse', 'done'],
    ['q4', 'done'],
  ]);
  expect((await readdir(join(cwd, 'out'))).sort()).toEqual([
    'int5-channel-restricted-range-mse.onnx',
    'nf4-64+double.onnx',
    'q4.onnx',
  ]);
  for (const { file } of record.outputs) {
    expect(file!.sizeBytes).toBe((await stat(join(cwd, file!.path))).size);
  }
  expect(record.outputs[0]!.tensors.every(({ runs }) => runs === 'float-at-load')).toBe(true);
});

test('a plan: true bits per weight and what the runtime does', async () => {
  const { code, stdout, stderr } = await runLowbit(
    quantize(
      '--to',
      'format:kmeans3/channel',
      '--override',
      'Gemm=format:int8/channel:range=mse',
      '--dry-run',
    ),
    { cwd },
  );
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toContain('x Conv: kmeans3 per-channel(0)');
  expect(stdout).toContain('1 x Gemm: int8 per-channel(0)');
  expect(stdout.replace(/\s+/g, ' ')).toMatch(
    /16 weights at \d+\.\d\d bits per weight, scales included, become float when ONNX Runtime loads the model/,
  );
});

test('a recipe makes the same file again', async () => {
  for (const name of ['a.onnx', 'b.onnx'])
    expect((await runLowbit(quantize('--to', 'format:e4m3fn/16x16', '-o', name), { cwd })).code).toBe(0);
  const { stdout } = await runLowbit(['inspect', 'a.onnx', '--json'], { cwd });
  expect(stdout).toContain('format:e4m3fn/16x16');
});

test.each([
  ['format:int12', /int12 has codes of 12 bits, and ONNX files hold indices of at most 8/],
  ['format:nf4/64+rans', /leave \+rans out/],
  ['format:nf44', /nf44/],
  ['format:nf4/64:wide', /wide/],
])('refused: %s', async (to, message) => {
  const { code, stderr } = await runLowbit(quantize('--to', to, '-o', 'no.onnx'), { cwd });
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
  expect(await readdir(cwd)).not.toContain('no.onnx');
});
