import { fail, plainBytes } from '../tensor/index.ts';
import type { ByteSource, Siblings } from './bytes.ts';
import { safeLocation } from './safe-location.ts';

/** Bytes in memory as a source; reads are views, not copies. */
export function memorySource(given: Uint8Array, name = 'memory'): ByteSource {
  const bytes = plainBytes(given);
  return {
    name,
    size: bytes.byteLength,
    async read(offset, length) {
      checkRange(name, bytes.byteLength, offset, length);
      return bytes.subarray(offset, offset + length);
    },
  };
}

/** Files in memory as the neighbourhood of a model, by relative path. */
export function memorySiblings(files: ReadonlyMap<string, Uint8Array>, name = 'memory'): Siblings {
  return {
    async open(location) {
      const path = safeLocation(location, name).join('/');
      const bytes = files.get(path);
      if (bytes === undefined) fail('file/missing', { path });
      return memorySource(bytes, path);
    },
  };
}

/** @throws file/out-of-range unless [offset, offset + length) lies inside `size` bytes. */
export function checkRange(file: string, size: number, offset: number, length: number): void {
  const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
  if (!whole || offset < 0 || length < 0 || offset + length > size) {
    fail('file/out-of-range', { file, offset, length, size });
  }
}
