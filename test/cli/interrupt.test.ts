/** A run that is stopped, at any step: its exit code, and nothing left behind. */
import type { ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { glyphModel, type Outcome, runLowbit, writeGlyphs } from '../run-lowbit.ts';

/** Pictures for a long calibration. */
const many = 60_000;
/** Years of timing: no run here ends by itself. */
const endless = ['--runs', '1000000000', '--no-memory'];

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'lowbit-interrupt-'));
  await writeGlyphs(join(cwd, 'few'), 8);
  await writeGlyphs(join(cwd, 'many'), 8);
  const pixels = Uint8Array.from({ length: many * 784 }, (_, i) => (i * 37) % 251);
  await writeFile(join(cwd, 'many/pixels.u8'), pixels);
  await writeFile(join(cwd, 'many/labels.u8'), new Uint8Array(many));
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

/** Signals the process `delayMs` after its output folder holds what `ready` waits for. */
function stopWhen(folder: string, ready: (names: string[]) => boolean, signal: NodeJS.Signals, delayMs = 0) {
  return (child: ChildProcess) => {
    const timer = setInterval(async () => {
      const names = await readdir(folder).catch(() => undefined);
      if (names === undefined || !ready(names)) return;
      clearInterval(timer);
      setTimeout(() => child.kill(signal), delayMs);
    }, 50);
    child.on('close', () => clearInterval(timer));
  };
}

const stopped: Pick<Outcome, 'stdout' | 'stderr'> = {
  stdout: '',
  stderr: 'error: The run was interrupted. Nothing was written under the final name.',
};
/** The folder is made before the plan; the staging folder in it when a file is to be written. */
const begun = () => true;
const staged = (names: string[]) => names.some((name) => name.startsWith('.lowbit-'));
const longCalibration = [
  '--calibrate',
  'many',
  '--calibration-samples',
  String(many),
  '--observer',
  'entropy',
];

test.each([0, 800, 2500])('Ctrl-C while planning or calibrating, after %i ms', async (delayMs) => {
  const args = ['quantize', glyphModel, '--to', 'int8', ...longCalibration, ...endless, '-o', 'calibrating/'];
  const onStart = stopWhen(join(cwd, 'calibrating'), begun, 'SIGINT', delayMs);
  expect(await runLowbit(args, { cwd, onStart })).toEqual({ code: 130, ...stopped });
  expect((await readdir(cwd)).sort()).toEqual(['few', 'many']);
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s while verifying: exit code %i', async (signal, code) => {
  const args = ['quantize', glyphModel, '--to', 'fp16', '--evaluate', 'many', ...endless, '-o', 'verifying/'];
  const onStart = stopWhen(join(cwd, 'verifying'), staged, signal, 300);
  expect(await runLowbit(args, { cwd, onStart })).toEqual({ code, ...stopped });
  expect((await readdir(cwd)).sort()).toEqual(['few', 'many']);
});

test('Ctrl-C in the second preset: the first is whole and stays', async () => {
  const args = ['quantize', glyphModel, '--to', 'fp16,bf16', '--runs', '0', '--no-memory', '-o', 'second/'];
  const first = (names: string[]) => names.includes('fp16.onnx') && staged(names);
  const onStart = stopWhen(join(cwd, 'second'), first, 'SIGINT');
  const { code } = await runLowbit([...args, '--evaluate', 'many', '--samples', '4000'], { cwd, onStart });
  expect(code).toBe(130);
  expect(await readdir(join(cwd, 'second'))).toEqual(['fp16.onnx']);
  await rm(join(cwd, 'second'), { recursive: true });
});

test('killed without mercy: no file under the final name, and the next run is not in its way', async () => {
  await mkdir(join(cwd, 'killed'));
  const args = ['quantize', glyphModel, '--to', 'fp16', '-o', 'killed/a.onnx'];
  const onStart = stopWhen(join(cwd, 'killed'), staged, 'SIGKILL', 300);
  const { code } = await runLowbit([...args, ...endless], { cwd, onStart });
  expect(code).toBeNull();
  expect((await readdir(join(cwd, 'killed'))).filter((name) => !name.startsWith('.lowbit-'))).toEqual([]);
  const again = await runLowbit([...args, '--runs', '0', '--no-memory'], { cwd });
  expect(again.code).toBe(0);
  expect(await readdir(join(cwd, 'killed'))).toContain('a.onnx');
});
