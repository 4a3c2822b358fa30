import { type ByteSource, memorySource } from '../../src/files/index.ts';

/** Bytes in memory that count what is asked of them. */
export interface WatchedSource extends ByteSource {
  /** Sum of the lengths of all reads. */
  readonly asked: number;
  /** The longest read. */
  readonly longest: number;
}

export function watchedSource(bytes: Uint8Array, name: string): WatchedSource {
  const source = memorySource(bytes, name);
  let asked = 0;
  let longest = 0;
  return {
    name,
    size: source.size,
    get asked() {
      return asked;
    },
    get longest() {
      return longest;
    },
    read(offset, length) {
      asked += length;
      longest = Math.max(longest, length);
      return source.read(offset, length);
    },
  };
}
