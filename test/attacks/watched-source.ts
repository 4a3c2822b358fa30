import { type ByteSource, memorySource } from '../../src/files/index.ts';

/** Bytes in memory that count what is asked of them. */
export interface WatchedSource extends ByteSource {
  /** Sum of the lengths of all reads. */
  readonly asked: number;
  /** The longest read. */
  readonly longest: number;
}

/** @param size what it claims to have: beyond `bytes` it is zeros */
export function watchedSource(bytes: Uint8Array, name: string, size = bytes.byteLength): WatchedSource {
  const source = memorySource(bytes, name);
  let asked = 0;
  let longest = 0;
  return {
    name,
    size,
    get asked() {
      return asked;
    },
    get longest() {
      return longest;
    },
    async read(offset, length) {
      asked += length;
      longest = Math.max(longest, length);
      if (size === source.size) return source.read(offset, length);
      const part = new Uint8Array(length);
      part.set(bytes.subarray(offset, offset + length));
      return part;
    },
  };
}
