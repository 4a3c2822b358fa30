import type { ByteSource } from '../files/index.ts';
import { fail } from '../tensor/index.ts';

/** A file of a data folder: its path inside the folder with `/`, and its size. */
export interface DataEntry {
  readonly path: string;
  readonly sizeBytes: number;
}

/**
 * The folder that a dataset may read, and nothing outside it: a folder on disk, files a page was given,
 * or bytes in memory.
 */
export interface DataFolder {
  readonly name: string;
  /** Files below `under` ('' for all), sorted by path. */
  list(under?: string): Promise<readonly DataEntry[]>;
  /** @throws data/missing when there is no such file. */
  open(path: string): Promise<ByteSource>;
}

/** A folder in memory: tests, pages, archives. */
export function memoryDataFolder(files: Readonly<Record<string, Uint8Array>>, name = 'memory'): DataFolder {
  return {
    name,
    list: async (under = '') =>
      Object.entries(files)
        .filter(([path]) => isUnder(path, under))
        .map(([path, bytes]) => ({ path, sizeBytes: bytes.byteLength }))
        .sort(byPath),
    async open(path) {
      const bytes = files[path];
      if (bytes === undefined) fail('data/missing', { path: `${name}/${path}` });
      return {
        name: path,
        size: bytes.byteLength,
        async read(offset, length) {
          checkRange(path, bytes.byteLength, offset, length);
          return bytes.slice(offset, offset + length);
        },
      };
    },
  };
}

/** Files that a page was given by an input element or a drop. */
export function fileDataFolder(files: readonly File[], name = 'files'): DataFolder {
  const byName = new Map(files.map((f) => [f.webkitRelativePath || f.name, f]));
  return {
    name,
    list: async (under = '') =>
      [...byName]
        .filter(([path]) => isUnder(path, under))
        .map(([path, file]) => ({ path, sizeBytes: file.size }))
        .sort(byPath),
    async open(path) {
      const file = byName.get(path);
      if (file === undefined) fail('data/missing', { path: `${name}/${path}` });
      return {
        name: path,
        size: file.size,
        async read(offset, length) {
          checkRange(path, file.size, offset, length);
          return new Uint8Array(await file.slice(offset, offset + length).arrayBuffer());
        },
      };
    },
  };
}

/** @throws data/truncated when a range does not lie inside a file. */
export function checkRange(file: string, size: number, offset: number, length: number): void {
  if (offset < 0 || length < 0 || offset + length > size) {
    fail('data/truncated', { file, got: size, wanted: offset + length });
  }
}

export const isUnder = (path: string, under: string) => under === '' || path.startsWith(`${under}/`);

/** Code unit order: the same on every machine, whatever its locale. */
export const byPath = (a: DataEntry, b: DataEntry) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0);

/**
 * The path inside the folder that a dataset.json may name.
 * @throws data/unsafe-location for absolute paths, drive letters, URLs and `..`.
 */
export function safeLocation(spec: string, location: string): string {
  const parts = location.replaceAll('\\', '/').split('/');
  const outside = location === '' || parts[0] === '' || parts.includes('..') || /^[a-z]+:/i.test(location);
  if (outside || location.includes('\0')) fail('data/unsafe-location', { spec, location });
  return parts.filter((part) => part !== '.' && part !== '').join('/');
}
