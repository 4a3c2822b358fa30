import { expect, test } from 'vitest';
import { memoryFolder, memorySource } from './index.ts';

test("Node's Buffers are seen as plain bytes: their slices would be views of what is still in use", async () => {
  const buffer = Buffer.from('0123456789');
  const bytes = await memorySource(buffer).read(2, 4);
  expect(bytes.constructor).toBe(Uint8Array);
  expect([...bytes.slice()]).toEqual([...'2345'].map((c) => c.charCodeAt(0)));
  const folder = memoryFolder();
  const sink = await folder.open('a');
  await sink.write(buffer);
  buffer.fill(0);
  await sink.commit();
  expect(new TextDecoder().decode(folder.files.get('a'))).toBe('0123456789');
});
