import { fail } from '../tensor/index.ts';
import type { ByteSource, Siblings } from './bytes.ts';
import { checkRange } from './memory-source.ts';
import { safeLocation } from './safe-location.ts';

/** A Blob or File that the user chose in a page; read piece by piece, never as a whole. */
export function blobSource(blob: Blob, name = 'name' in blob ? String(blob.name) : 'blob'): ByteSource {
  return {
    name,
    size: blob.size,
    async read(offset, length) {
      checkRange(name, blob.size, offset, length);
      return new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
    },
  };
}

/** The other files that the user chose, by name: external data is looked up among them. */
export function blobSiblings(files: ReadonlyMap<string, Blob>, name = 'the chosen files'): Siblings {
  return {
    async open(location) {
      const path = safeLocation(location, name).join('/');
      const blob = files.get(path);
      if (blob === undefined) fail('file/missing', { path });
      return blobSource(blob, path);
    },
  };
}
