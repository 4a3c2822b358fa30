import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { memoryFolder, outputPlace, type SinkFolder, stageInFolder, stageInMemory } from './index.ts';
import * as page from './platform.web.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lowbit-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function put(sinks: SinkFolder, name: string, text: string): Promise<void> {
  const sink = await sinks.open(name);
  await sink.write(new TextEncoder().encode(text));
  await sink.commit();
}

test('a staged file can be loaded before it has its final name', async () => {
  const staging = await stageInFolder(folder, { names: ['a.onnx'] });
  await put(staging.folder, 'a.onnx', 'model');
  const model = staging.model('a.onnx');
  expect('path' in model && (await readFile(model.path, 'utf8'))).toBe('model');
  expect((await readdir(folder)).includes('a.onnx')).toBe(false);
  expect(await staging.publish(['a.onnx'])).toEqual([join(folder, 'a.onnx')]);
  expect(await readdir(folder)).toEqual(['a.onnx']);
});

test('discarding leaves nothing behind', async () => {
  const staging = await stageInFolder(folder, { names: ['a.onnx'] });
  await put(staging.folder, 'a.onnx', 'model');
  await staging.discard();
  expect(await readdir(folder)).toEqual([]);
});

test('what is there already is refused before the work, and kept if it appears meanwhile', async () => {
  await writeFile(join(folder, 'a.onnx'), 'old');
  await expect(stageInFolder(folder, { names: ['a.onnx'] })).rejects.toThrow(
    `${join(folder, 'a.onnx')} is already there. Choose another name, or replace it with --force.`,
  );
  const staging = await stageInFolder(folder, { names: ['b.onnx'] });
  await put(staging.folder, 'b.onnx', 'new');
  await writeFile(join(folder, 'b.onnx'), 'mine');
  await expect(staging.publish(['b.onnx'])).rejects.toMatchObject({ code: 'file/exists' });
  await staging.discard();
  expect(await readFile(join(folder, 'b.onnx'), 'utf8')).toBe('mine');
  const forced = await stageInFolder(folder, { names: ['b.onnx'], force: true });
  await put(forced.folder, 'b.onnx', 'new');
  await forced.publish(['b.onnx']);
  expect(await readFile(join(folder, 'b.onnx'), 'utf8')).toBe('new');
  expect((await readdir(folder)).sort()).toEqual(['a.onnx', 'b.onnx']);
});

test('a missing destination is named', async () => {
  const missing = join(folder, 'nowhere');
  await expect(stageInFolder(missing, { names: [] })).rejects.toThrow(
    `There is no folder ${missing}. Make it first, or name another one.`,
  );
});

test('staging in memory publishes into any folder', async () => {
  const destination = memoryFolder();
  const staging = stageInMemory(destination);
  await put(staging.folder, 'a.onnx', 'model');
  await put(staging.folder, 'a.onnx_data', 'weights');
  const model = staging.model('a.onnx');
  expect('bytes' in model && model.externalData.map((e) => e.path)).toEqual(['a.onnx_data']);
  expect(destination.files.size).toBe(0);
  await staging.publish(['a.onnx_data', 'a.onnx']);
  expect([...destination.files.keys()]).toEqual(['a.onnx_data', 'a.onnx']);
});

test('a new path that is named like a model is no folder for several', async () => {
  const path = join(folder, 'model.onnx');
  await expect(outputPlace(path, true)).rejects.toThrow(
    `${path} names one file, but several presets, or a layout with folders, need a folder. Name one, such as '${join(folder, 'model')}/', or give a single preset.`,
  );
  expect(await readdir(folder)).not.toContain('model.onnx');
  expect(await outputPlace(path, false)).toMatchObject({ folder, file: 'model.onnx' });
});

test('a file cannot hold several outputs, and a page has no folders', async () => {
  const file = join(folder, 'a.onnx');
  await writeFile(file, 'model');
  await expect(outputPlace(file, true)).rejects.toThrow(
    `${file} is a file, but the output needs a folder. Name a folder, or one preset and a file.`,
  );
  const refusal =
    'The folder out cannot be opened: a page has no folders. Write to memory and offer the bytes for download.';
  await expect(page.openFolder('out')).rejects.toThrow(refusal);
  await expect(page.outputPlace('out', true)).rejects.toThrow(refusal);
  await expect(page.stageInFolder('out', { names: [] })).rejects.toThrow(refusal);
});

test('the file that is being read is never replaced, by whatever name', async () => {
  await writeFile(join(folder, 'source.onnx'), 'float');
  await symlink(join(folder, 'source.onnx'), join(folder, 'link.onnx'));
  const sources = [join(folder, 'source.onnx')];
  for (const name of ['source.onnx', 'link.onnx']) {
    await expect(stageInFolder(folder, { names: [name], force: true, sources })).rejects.toThrow(
      `${join(folder, name)} is the model that is being read: it is never replaced, not even with --force. Choose another name.`,
    );
  }
});
