import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { assets } from '../../../test/asset-models.ts';
import { memoryFolder } from '../memory-folder.ts';
import { memorySource } from '../memory-source.ts';
import { openGguf } from './open-gguf.ts';
import { writeGguf } from './write-gguf.ts';

/** What is read and written back is the same file. */

const vocabularies = ['gpt-2', 'llama-spm', 'phi-3'].map((n) =>
  join(assets, `gguf-vocab/ggml-vocab-${n}.gguf`),
);

test.skipIf(!existsSync(vocabularies[0]!)).each(vocabularies)('%s', async (path) => {
  const bytes = new Uint8Array(await readFile(path));
  const file = await openGguf(memorySource(bytes, path));
  const folder = memoryFolder();
  const sink = await folder.open('copy.gguf');
  const layout = await writeGguf(sink, file);
  await sink.commit();
  const copy = folder.files.get('copy.gguf')!;
  expect(layout.sizeBytes).toBe(bytes.byteLength);
  expect(Buffer.compare(copy, bytes)).toBe(0);
});
