import { expect, test } from 'vitest';
import { memorySource, type Siblings } from '../../files/index.ts';
import { fail } from '../../tensor/index.ts';
import { checkpointName } from './checkpoint-name.ts';

const folder = (files: Readonly<Record<string, string>>): Siblings => ({
  open: async (path) =>
    files[path] === undefined
      ? fail('file/missing', { path })
      : memorySource(new TextEncoder().encode(files[path]), path),
});

test.each([
  ['/models/tiny-llama-1.1b-chat-v0.3/', {}, 'Tiny Llama 1.1b Chat v0.3'],
  ['./SmolLM2_135M', {}, 'SmolLM2_135M'],
  ['a/lm_4m', {}, 'Lm_4M'],
  ['.', {}, undefined],
  ['m', { 'config.json': '{"_name_or_path": "meta-llama/Llama-2-7b-hf"}' }, 'Llama 2 7b Hf'],
  ['m', { 'config.json': '{"_name_or_path": "/home/someone/models/x"}' }, 'M'],
  ['m', { 'README.md': '---\nlicense: mit\nmodel_name: Mistral 7B\n---\n# Text\nname: no' }, 'Mistral 7B'],
  ['m', { 'README.md': '---\nname: "A: b"\n---\n' }, 'A: b'],
  ['m', { 'README.md': '# name: x\n' }, 'M'],
  ['m', { 'README.md': '---\nmodel-index:\n- name: other\n---\n' }, 'M'],
])('%s, %j: %s', async (path, files, name) => {
  expect(await checkpointName(path, folder(files))).toBe(name);
});
