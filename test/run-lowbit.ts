import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { glyph, SIDE } from '../examples/glyphs/glyphs.ts';
import type { RunRecord } from '../src/report/index.ts';

export const projectRoot = resolve(import.meta.dirname, '..');
export const glyphModel = join(projectRoot, 'examples/glyphs/glyphs.onnx');
const main = join(projectRoot, 'dist/apps/cli/main.js');

export interface Outcome {
  /** null when a signal ended the process. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Sees the process as soon as it runs, to signal it. */
  readonly onStart?: (child: ChildProcess) => void;
}

/** The built command line as a child process: what a user sees on both streams, and the exit code. */
export function runLowbit(args: readonly string[], options: RunOptions): Promise<Outcome> {
  if (!existsSync(main)) throw new Error('These tests run the built command line: npm run build first.');
  return new Promise((done, failed) => {
    const env = { ...process.env, NO_COLOR: '1', LOWBIT_DEBUG: '', ...options.env };
    const child = spawn(process.execPath, [main, ...args], { cwd: options.cwd, env });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => (stdout += chunk));
    child.stderr.on('data', (chunk) => (stderr += chunk));
    child.on('error', failed);
    child.on('close', (code) =>
      done({ code, stdout, stderr: stderr.replaceAll(options.cwd, '<folder>').trim() }),
    );
    options.onStart?.(child);
  });
}

/** `--json`: the one document on stdout, and the exit code. */
export async function recordOf(
  args: readonly string[],
  options: RunOptions,
): Promise<{ readonly code: number | null; readonly record: RunRecord; readonly stderr: string }> {
  const { code, stdout, stderr } = await runLowbit([...args, '--json'], options);
  if (stdout === '') throw new Error(`no record: ${stderr}`);
  return { code, record: JSON.parse(stdout) as RunRecord, stderr };
}

/** Glyph pictures in a folder with the description that binds them to the network. */
export async function writeGlyphs(folder: string, size: number, seed = 2): Promise<void> {
  await mkdir(folder, { recursive: true });
  const glyphs = Array.from({ length: size }, (_, i) => glyph(i, seed));
  await writeFile(join(folder, 'pixels.u8'), Buffer.concat(glyphs.map((g) => g.pixels)));
  await writeFile(
    join(folder, 'labels.u8'),
    Uint8Array.from(glyphs, (g) => g.label),
  );
  const pixels = { shape: [1, SIDE, SIDE], dtype: 'uint8', scale: '1/255', mean: 0.3, std: 0.25 };
  const spec = {
    task: 'classification',
    inputs: { pixels: { file: 'pixels.u8', ...pixels } },
    labels: { file: 'labels.u8', dtype: 'uint8' },
  };
  await writeFile(join(folder, 'dataset.json'), JSON.stringify(spec));
}
