import { fail, plainBytes } from '../tensor/index.ts';
import type { ByteSink, SinkFolder } from './bytes.ts';
import { concatenate } from './concatenate.ts';

/** A folder in memory: committed files appear in `files`. */
export function memoryFolder(): SinkFolder & { readonly files: Map<string, Uint8Array> } {
  const files = new Map<string, Uint8Array>();
  return { files, open: async (name) => memorySink(name, files) };
}

function memorySink(name: string, files: Map<string, Uint8Array>): ByteSink {
  let chunks: Uint8Array[] = [];
  let size = 0;
  let open = true;
  return {
    name,
    get size() {
      return size;
    },
    async write(bytes) {
      if (!open) fail('file/failed', { path: name, act: 'written', message: 'the sink is closed' });
      chunks.push(plainBytes(bytes).slice());
      size += bytes.byteLength;
    },
    async commit() {
      if (!open) return;
      open = false;
      files.set(name, concatenate(chunks, size));
      chunks = [];
    },
    async abort() {
      open = false;
      chunks = [];
    },
  };
}
