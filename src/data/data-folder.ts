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

/** Bytes that are at hand, wherever they lie. */
interface Piece {
  readonly size: number;
  read(start: number, end: number): Promise<Uint8Array>;
}

/** A folder in memory: tests, pages, archives. */
export function memoryDataFolder(files: Readonly<Record<string, Uint8Array>>, name = 'memory'): DataFolder {
  const piece = (bytes: Uint8Array): Piece => ({
    size: bytes.byteLength,
    read: async (start, end) => bytes.slice(start, end),
  });
  return folderOf(name, new Map(Object.entries(files).map(([path, bytes]) => [path, piece(bytes)])));
}

/** Files that a page was given by an input element or a drop. */
export function fileDataFolder(files: readonly File[], name = 'files'): DataFolder {
  const piece = (file: File): Piece => ({
    size: file.size,
    read: async (start, end) => new Uint8Array(await file.slice(start, end).arrayBuffer()),
  });
  return folderOf(name, new Map(files.map((f) => [f.webkitRelativePath || f.name, piece(f)])));
}

function folderOf(name: string, files: ReadonlyMap<string, Piece>): DataFolder {
  return {
    name,
    list: async (under = '') =>
      [...files]
        .filter(([path]) => isUnder(path, under))
        .map(([path, { size }]) => ({ path, sizeBytes: size }))
        .sort(byPath),
    async open(path) {
      const file = files.get(path);
      if (file === undefined) fail('data/missing', { path: `${name}/${path}` });
      const { size } = file;
      return {
        name: path,
        size,
        async read(offset, length) {
          checkRange(path, size, offset, length);
          return file.read(offset, offset + length);
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
