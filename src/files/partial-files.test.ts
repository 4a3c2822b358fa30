import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { link, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ByteSource } from './bytes.ts';
import { memoryFolder } from './memory-folder.ts';
import { openPartialFiles } from './partial-files.node.ts';
import { type PartialPlan, partialInMemory } from './partial-files.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lowbit-partial-'));
});
afterEach(() => rm(folder, { recursive: true }));

const plan: PartialPlan = {
  files: [{ name: 'a.bin', sizeBytes: 10 }],
  units: 5,
  identity: { 'the recipe': 'one' },
};
const bytes = (text: string) => new TextEncoder().encode(text);
const part = () => join(folder, '.a.bin.lowbit-part');
const journal = () => join(folder, '.a.bin.lowbit-journal');
const read = (name: string) => readFile(join(folder, name), 'latin1');

/** A run that wrote units 0 and 1 and was killed: its journal is of a process that is no more. */
async function killed(options: Partial<PartialPlan> = {}): Promise<void> {
  const run = await openPartialFiles(folder, { ...plan, ...options });
  await run.files[0]!.write(0, bytes('0011'));
  await run.remember(Uint8Array.of(1, 1, 0, 0, 0));
  await run.discard(true);
  // No process has this number.
  writeFileSync(journal(), readFileSync(journal(), 'utf8').replace(/"process":\d+/, '"process":4194305'));
}

test('a file appears when it is published, whole, with zeros where nothing was written', async () => {
  const run = await openPartialFiles(folder, plan);
  expect((await readdir(folder)).sort()).toEqual(['.a.bin.lowbit-journal', '.a.bin.lowbit-part']);
  await run.files[0]!.write(6, bytes('cd'));
  await run.files[0]!.write(0, bytes('ab'));
  const source = await run.files[0]!.open();
  expect([source.name, source.size]).toEqual([join(folder, 'a.bin'), 10]);
  await source.close?.();
  expect(await run.publish()).toEqual([join(folder, 'a.bin')]);
  await run.forget();
  await run.discard();
  expect(await readdir(folder)).toEqual(['a.bin']);
  expect(await read('a.bin')).toBe('ab\0\0\0\0cd\0\0');
});

test('discarded: nothing is left', async () => {
  const run = await openPartialFiles(folder, plan);
  await run.files[0]!.write(0, bytes('ab'));
  await run.discard();
  expect(await readdir(folder)).toEqual([]);
});

test('a killed run is resumed: what was remembered is there, the rest is to do', async () => {
  await killed();
  const run = await openPartialFiles(folder, { ...plan, resume: true });
  expect([...run.finished]).toEqual([1, 1, 0, 0, 0]);
  expect(run.notes).toEqual(['Resumed: an earlier run had finished 40 %.']);
  await run.files[0]!.write(4, bytes('223344'));
  // Killed once more: the second journal starts with what the first one knew.
  await run.remember(Uint8Array.of(1, 1, 1, 0, 1));
  await run.discard(true);
  const again = await openPartialFiles(folder, { ...plan, resume: true });
  expect([...again.finished]).toEqual([1, 1, 1, 0, 1]);
  await again.publish();
  await again.forget();
  expect(await read('a.bin')).toBe('0011223344');
  expect(await readdir(folder)).toEqual(['a.bin']);
});

test('without resume a killed run is removed, and it is said', async () => {
  await killed();
  const run = await openPartialFiles(folder, plan);
  expect([...run.finished]).toEqual([0, 0, 0, 0, 0]);
  expect(run.notes).toEqual([
    'What an interrupted run had left behind was removed; with --resume this run would have gone on from it.',
  ]);
  expect(readFileSync(part())).toEqual(Buffer.alloc(10));
  await run.discard();
  const none = await openPartialFiles(folder, { ...plan, resume: true });
  expect(none.notes).toEqual(['There was nothing to resume: this run started afresh.']);
  await none.discard();
});

test.each([
  [{ identity: { 'the recipe': 'two' } }, 'the recipe (one then, two now) is not the same'],
  [{ identity: { 'the recipe': 'two' }, contents: 'x' }, 'the recipe (one then, two now) is not the same'],
  [{ contents: 'x' }, 'the layout of the file is not the same'],
  [{ units: 6 }, 'the layout of the file is not the same'],
  [{ files: [{ name: 'a.bin', sizeBytes: 11 }] }, 'the layout of the file is not the same'],
])('another run is not gone on from: %j', async (change, why) => {
  await killed();
  const run = await openPartialFiles(folder, { ...plan, ...change, resume: true });
  expect(run.notes).toEqual([
    `An interrupted run could not be resumed, because ${why}: what it had finished was discarded, and this run started afresh.`,
  ]);
  expect(run.finished.every((unit) => unit === 0)).toBe(true);
  await run.discard();
});

test('two recipes: what differs in them', async () => {
  await killed({ identity: { 'the recipe': '{"pure":true,"to":"a"}' } });
  const identity = { 'the recipe': '{"pure":true,"to":"b","x":1}' };
  const run = await openPartialFiles(folder, { ...plan, identity, resume: true });
  expect(run.notes[0]).toContain(
    'because the recipe (to: "a" then, "b" now; x: nothing then, 1 now) is not the same: what',
  );
  await run.discard();
});

test('a file that is finished is left as it is where it is proved to be that, and in the way where not', async () => {
  await writeFile(join(folder, 'a.bin'), '0123456789');
  const isMade = async (files: readonly ByteSource[]) =>
    new TextDecoder().decode(await files[0]!.read(0, 2)) === '01';
  const run = await openPartialFiles(folder, { ...plan, resume: true, isMade });
  expect(run.published).toEqual([join(folder, 'a.bin')]);
  expect(run.notes[0]).toMatch(/^This file is whole already/);
  await run.forget();
  const exists = { code: 'file/exists' };
  await expect(openPartialFiles(folder, { ...plan, isMade })).rejects.toMatchObject(exists);
  const source = join(folder, 'newer');
  await writeFile(source, '');
  await utimes(source, 2e9, 2e9);
  await expect(
    openPartialFiles(folder, { ...plan, resume: true, isMade, sources: [source] }),
  ).rejects.toMatchObject(exists);
  await writeFile(join(folder, 'a.bin'), '9999999999');
  await expect(openPartialFiles(folder, { ...plan, resume: true, isMade })).rejects.toMatchObject(exists);
  await writeFile(join(folder, 'a.bin'), '01');
  await expect(openPartialFiles(folder, { ...plan, resume: true, isMade })).rejects.toMatchObject(exists);
});

test('a source that changed since', async () => {
  const source = join(folder, 'source');
  await writeFile(source, 'before');
  await killed({ sources: [source] });
  await utimes(source, 1, 1);
  const run = await openPartialFiles(folder, { ...plan, sources: [source], resume: true });
  expect(run.notes).toEqual([
    `An interrupted run could not be resumed, because ${source} is not the same: what it had finished was discarded, and this run started afresh.`,
  ]);
  await run.discard();
});

test('a journal that was cut off or damaged counts as far as it goes', async () => {
  await killed();
  const whole = readFileSync(journal(), 'utf8');
  const finished = async (text: string) => {
    writeFileSync(journal(), text);
    const run = await openPartialFiles(folder, { ...plan, resume: true });
    const units = [...run.finished];
    await run.discard(true);
    return units;
  };
  expect(await finished(whole.slice(0, -3))).toEqual([0, 0, 0, 0, 0]);
  await rm(part(), { force: true });
  await rm(journal(), { force: true });
  await killed();
  expect(await finished(`${whole}{"finished":"3-4"}\nnonsense\n{"finished":"2"}\n`)).toEqual([1, 1, 0, 1, 1]);
});

test('the file of an interrupted run is gone', async () => {
  await killed();
  await rm(part());
  const run = await openPartialFiles(folder, { ...plan, resume: true });
  expect(run.notes).toEqual([
    'An interrupted run could not be resumed, because its files are gone: started afresh.',
  ]);
  await run.discard();
});

test('a run that was killed between two names gets the others', async () => {
  const two: PartialPlan = { ...plan, files: [...plan.files, { name: 'b.bin', sizeBytes: 3 }] };
  const run = await openPartialFiles(folder, two);
  await run.files[0]!.write(0, bytes('first file'));
  await run.files[1]!.write(0, bytes('two'));
  await run.discard(true);
  const head = readFileSync(journal(), 'utf8').replace(/"process":\d+/, '"process":4194305');
  // As far as the second file, which comes first; and half way, where a link was made and the old name is there still.
  writeFileSync(journal(), `${head}{"sealed":true}\n`);
  await link(join(folder, '.b.bin.lowbit-part'), join(folder, 'b.bin'));
  const resumed = await openPartialFiles(folder, { ...two, resume: true });
  expect(resumed.notes).toEqual(['Resumed: an earlier run had finished all but the name.']);
  expect(resumed.finished.every((unit) => unit === 1)).toBe(true);
  await resumed.publish();
  // Killed before it was forgotten: the next run finds all done.
  await resumed.discard(true);
  writeFileSync(journal(), readFileSync(journal(), 'utf8').replace(/"process":\d+/, '"process":4194305'));
  const done = await openPartialFiles(folder, { ...two, resume: true });
  expect(done.published).toEqual([join(folder, 'a.bin'), join(folder, 'b.bin')]);
  await done.forget();
  expect((await readdir(folder)).sort()).toEqual(['a.bin', 'b.bin']);
  expect([await read('a.bin'), await read('b.bin')]).toEqual(['first file', 'two']);
});

test('what is in the way is refused before anything is written', async () => {
  await writeFile(join(folder, 'a.bin'), 'old');
  await expect(openPartialFiles(folder, plan)).rejects.toMatchObject({ code: 'file/exists' });
  await expect(
    openPartialFiles(folder, { ...plan, force: true, sources: [join(folder, 'a.bin')] }),
  ).rejects.toMatchObject({ code: 'file/is-source' });
  expect(await readdir(folder)).toEqual(['a.bin']);
  const run = await openPartialFiles(folder, { ...plan, force: true });
  expect(await read('a.bin')).toBe('old');
  await run.publish();
  await run.forget();
  expect(await read('a.bin')).toBe('\0'.repeat(10));
  await rm(join(folder, 'a.bin'));
  await mkdir(join(folder, 'a.bin'));
  await expect(openPartialFiles(folder, plan)).rejects.toMatchObject({ code: 'file/not-a-file' });
  const missing = openPartialFiles(join(folder, 'none'), plan);
  await expect(missing).rejects.toMatchObject({ code: 'file/folder-missing' });
});

test('a file that appeared meanwhile is not replaced', async () => {
  const run = await openPartialFiles(folder, plan);
  await writeFile(join(folder, 'a.bin'), 'other');
  await expect(run.publish()).rejects.toMatchObject({ code: 'file/exists' });
  await run.discard();
  expect(await readdir(folder)).toEqual(['a.bin']);
  expect(await read('a.bin')).toBe('other');
});

test('a file that a living process makes is left to it', async () => {
  const run = await openPartialFiles(folder, plan);
  // The parent lives as long as this test does.
  writeFileSync(
    journal(),
    readFileSync(journal(), 'utf8').replace(/"process":\d+/, `"process":${process.ppid}`),
  );
  expect(readFileSync(journal(), 'utf8')).toContain(`"host":${JSON.stringify(hostname())}`);
  for (const resume of [false, true]) {
    await expect(openPartialFiles(folder, { ...plan, resume })).rejects.toThrow(
      `${join(folder, 'a.bin')} is being made by another run (process ${process.ppid}). Wait for it or end it; if there is no such run any more, remove ${journal()}.`,
    );
  }
  expect(existsSync(part())).toBe(true);
  await run.discard();
});

test('two runs of one process do not make the same file', async () => {
  const run = await openPartialFiles(folder, plan);
  await expect(openPartialFiles(folder, { ...plan, force: true })).rejects.toMatchObject({
    code: 'file/busy',
  });
  await run.discard();
  await (await openPartialFiles(folder, plan)).discard();
  expect(await readdir(folder)).toEqual([]);
});

test('in memory: nothing in the folder before it is published', async () => {
  const target = memoryFolder();
  const run = partialInMemory(target, plan);
  await run.files[0]!.write(2, bytes('xy'));
  expect(target.files.size).toBe(0);
  expect(await (await run.files[0]!.open()).read(0, 5)).toEqual(bytes('\0\0xy\0'));
  expect(await run.publish()).toEqual(['a.bin']);
  expect(target.files.get('a.bin')).toEqual(bytes('\0\0xy\0\0\0\0\0\0'));
});
