/** A run that is killed at any moment leaves no file under a final name, or the whole one, and is gone on from. */
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { syntheticLlama, writeModel } from '../../bench/synthetic-llama.ts';
import { recordOf, runLowbit } from '../run-lowbit.ts';

/** Enough for some seconds in one thread. */
const sizes = { layers: 2, width: 1024, ffn: 4096, heads: 8, keyHeads: 4, vocabulary: 1024 };
const part = '.out.gguf.lowbit-part';
const journal = '.out.gguf.lowbit-journal';

let cwd: string;
let whole: Buffer;
const args = ['quantize', 'model.gguf', '--to', 'gguf:IQ3_S', '--threads', '1', '-q'];
const fast = ['quantize', 'model.gguf', '--to', 'gguf:Q8_0', '-q'];
const at = (name: string) => join(cwd, name);

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'lowbit-kill-'));
  await writeModel(at('model.gguf'), syntheticLlama(sizes));
  const { code, stderr } = await runLowbit([...args, '-o', 'whole.gguf'], { cwd });
  expect([code, stderr]).toEqual([0, '']);
  whole = await readFile(at('whole.gguf'));
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

/** Entries of the journal that lies in a folder: what was brought to disk so far. */
const entries = (folder: string): number => {
  const path = at(join(folder, journal));
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 2 : -1;
};

/** Signals the process once its journal says so. */
function when(ready: () => boolean, signal: NodeJS.Signals, delayMs = 0) {
  return (child: ChildProcess) => {
    const timer = setInterval(() => {
      if (!ready()) return;
      clearInterval(timer);
      setTimeout(() => child.kill(signal), delayMs);
    }, 5);
    child.on('close', () => clearInterval(timer));
  };
}

const finished = (folder: string): number => {
  const text = readFileSync(at(join(folder, journal)), 'utf8');
  const ranges = [...text.matchAll(/"finished":"([^"]*)"/g)].flatMap((match) => match[1]!.split(','));
  return ranges.reduce((sum, range) => {
    const [from, to = from] = range.split('-').map(Number);
    return sum + to! - from! + 1;
  }, 0);
};

test.each([
  ['as it starts', 0, 0],
  ['before anything is on disk', 0, 300],
  ['after the first entry', 1, 0],
  ['in the middle', 2, 250],
])(
  'killed %s: nothing under the final name; resumed: the whole, byte for byte',
  async (name, count, delayMs) => {
    const folder = name.replaceAll(' ', '-');
    await mkdir(at(folder));
    const out = ['-o', `${folder}/out.gguf`];
    const onStart = when(() => entries(folder) >= count, 'SIGKILL', delayMs);
    const { code } = await runLowbit([...args, ...out], { cwd, onStart });
    expect(code).toBeNull();
    const left = (await readdir(at(folder))).sort();
    expect(left.filter((file) => !file.startsWith('.'))).toEqual([]);
    const before = finished(folder);
    if (count > 0) expect(before).toBeGreaterThan(0);

    // Whatever the number of threads, the bytes are the same.
    const { record, stderr } = await recordOf([...args, ...out, '--resume', '--threads', '2'], { cwd });
    expect(stderr).toBe('');
    if (left.includes(part))
      expect(record.outputs[0]!.notes[0]).toMatch(/^Resumed: an earlier run had finished \d+ %\.$/);
    expect(await readdir(at(folder))).toEqual(['out.gguf']);
    expect(Buffer.compare(await readFile(at(`${folder}/out.gguf`)), whole)).toBe(0);
  },
);

test('killed as it gives the name: the whole file or none, and the next run sees which', async () => {
  await mkdir(at('naming'));
  const out = ['-o', 'naming/out.gguf'];
  await runLowbit([...fast, '-o', 'fast.gguf'], { cwd });
  const right = await readFile(at('fast.gguf'));
  // The name comes a few milliseconds after the last tiles: kill around it.
  for (const delayMs of [0, 1, 2, 4]) {
    const onStart = when(() => existsSync(at('naming/out.gguf')), 'SIGKILL', delayMs);
    await runLowbit([...fast, ...out, '--resume'], { cwd, onStart });
    expect(Buffer.compare(await readFile(at('naming/out.gguf')), right)).toBe(0);
    const again = await runLowbit([...fast, ...out, '--resume', '-f'], { cwd });
    expect([again.code, again.stderr]).toEqual([0, '']);
    expect(await readdir(at('naming'))).toEqual(['out.gguf']);
    await rm(at('naming/out.gguf'));
  }
});

test('what a killed run left is removed by the next one without --resume, which says so', async () => {
  await mkdir(at('fresh'));
  const out = ['-o', 'fresh/out.gguf'];
  await runLowbit([...args, ...out], { cwd, onStart: when(() => entries('fresh') >= 1, 'SIGKILL') });
  const { record } = await recordOf([...fast, ...out], { cwd });
  expect(record.outputs[0]!.notes).toEqual([
    'What an interrupted run had left behind was removed; with --resume this run would have gone on from it.',
  ]);
  expect(await readdir(at('fresh'))).toEqual(['out.gguf']);
});

test('another recipe does not go on from it, and says why', async () => {
  await mkdir(at('other'));
  const out = ['-o', 'other/out.gguf'];
  await runLowbit([...args, ...out], { cwd, onStart: when(() => entries('other') >= 1, 'SIGKILL') });
  const { record } = await recordOf([...fast, ...out, '--resume'], { cwd });
  expect(record.outputs[0]!.notes[0]).toMatch(
    /^An interrupted run could not be resumed, because the recipe \(to: "gguf:IQ3_S" then, "gguf:Q8_0" now\) is not the same: what it had finished was discarded, and this run started afresh\.$/,
  );
  expect(await readdir(at('other'))).toEqual(['out.gguf']);
});

test('Ctrl-C leaves nothing; with --resume it leaves what is finished', async () => {
  await mkdir(at('interrupted'));
  const out = ['-o', 'interrupted/out.gguf'];
  const onStart = () => when(() => entries('interrupted') >= 1, 'SIGINT');
  const plain = await runLowbit([...args, ...out], { cwd, onStart: onStart() });
  expect([plain.code, plain.stderr]).toEqual([
    130,
    'error: The run was interrupted. Nothing was written under the final name.',
  ]);
  expect(await readdir(at('interrupted'))).toEqual([]);
  const kept = await runLowbit([...args, ...out, '--resume'], { cwd, onStart: onStart() });
  expect([kept.code, kept.stderr]).toEqual([
    130,
    'error: The run was interrupted. What is finished of interrupted/out.gguf is kept beside it: the same command with --resume goes on from there.',
  ]);
  expect((await readdir(at('interrupted'))).sort()).toEqual([journal, part]);
  const { code } = await runLowbit([...args, ...out, '--resume'], { cwd });
  expect(code).toBe(0);
  expect(Buffer.compare(await readFile(at('interrupted/out.gguf')), whole)).toBe(0);
  const again = await recordOf([...args, ...out, '--resume'], { cwd });
  expect([again.code, again.record.outputs[0]!.seconds]).toEqual([0, 0]);
  expect(again.record.outputs[0]!.notes[0]).toMatch(/^This file is whole already/);
  // Another recipe is another file: it is in the way.
  const other = await runLowbit([...args, '--search', 'reference', ...out, '--resume'], { cwd });
  expect([other.code, other.stderr]).toEqual([
    2,
    'error: interrupted/out.gguf is already there. Choose another name, or replace it with --force.',
  ]);
});

test('of several outputs those that are done stay done', async () => {
  await mkdir(at('several'));
  const several = [
    'quantize',
    'model.gguf',
    '--to',
    'gguf:Q8_0,gguf:IQ3_S',
    '--threads',
    '1',
    '-q',
    '-o',
    'several/',
  ];
  const onStart = when(() => existsSync(at('several/model.Q8_0.gguf')), 'SIGKILL', 300);
  await runLowbit(several, { cwd, onStart });
  expect((await readdir(at('several'))).filter((name) => !name.startsWith('.'))).toEqual(['model.Q8_0.gguf']);
  const { code, record } = await recordOf([...several, '--resume'], { cwd });
  expect(code).toBe(0);
  expect(record.outputs.map(({ notes }) => notes[0])).toEqual([
    'An earlier run had finished this file.',
    expect.stringMatching(/^Resumed/),
  ]);
  expect((await readdir(at('several'))).sort()).toEqual(['model.IQ3_S.gguf', 'model.Q8_0.gguf']);
});
