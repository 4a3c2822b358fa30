import type { ByteSource } from '../files/index.ts';
import { fail } from '../tensor/index.ts';
import { inflatedSource } from './inflate.ts';

export interface ZipEntry {
  readonly path: string;
  readonly compressedBytes: number;
  readonly sizeBytes: number;
  readonly method: number;
  readonly headerOffset: number;
}

const endSignature = 0x06054b50;
const end64Signature = 0x06064b50;
const entrySignature = 0x02014b50;
const localSignature = 0x04034b50;
/** End record and the longest comment it may carry. */
const endBytes = 22 + 65535;
/** An archive of arrays has a handful of entries; a directory of 16 MB is an attack or another thing. */
const maxDirectoryBytes = 16 * 2 ** 20;

/**
 * The directory of a zip archive, zip64 included. Only sizes and offsets that lie inside the file are
 * believed. https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */
export async function readZip(source: ByteSource): Promise<ZipEntry[]> {
  const file = source.name;
  const tailAt = Math.max(0, source.size - endBytes);
  const tail = await source.read(tailAt, source.size - tailAt);
  const view = viewOf(tail);
  let at = tail.byteLength - 22;
  while (at >= 0 && view.getUint32(at, true) !== endSignature) at--;
  if (at < 0) fail('data/malformed', { file, what: 'it has no zip directory' });
  let directoryBytes = view.getUint32(at + 12, true);
  let directoryAt = view.getUint32(at + 16, true);
  if (directoryAt === 0xffffffff || directoryBytes === 0xffffffff) {
    if (at < 20) fail('data/malformed', { file, what: 'its zip64 record is missing' });
    const end64At = Number(view.getBigUint64(at - 20 + 8, true));
    if (end64At + 56 > source.size) fail('data/truncated', { file, got: source.size, wanted: end64At + 56 });
    const end64 = viewOf(await source.read(end64At, 56));
    if (end64.getUint32(0, true) !== end64Signature)
      fail('data/malformed', { file, what: 'its zip64 record is missing' });
    directoryBytes = Number(end64.getBigUint64(40, true));
    directoryAt = Number(end64.getBigUint64(48, true));
  }
  if (directoryBytes > maxDirectoryBytes) {
    fail('data/too-large', {
      file,
      what: 'the zip directory',
      got: directoryBytes,
      limit: maxDirectoryBytes,
    });
  }
  if (directoryAt + directoryBytes > source.size) {
    fail('data/truncated', { file, got: source.size, wanted: directoryAt + directoryBytes });
  }
  return entriesOf(file, await source.read(directoryAt, directoryBytes));
}

function entriesOf(file: string, directory: Uint8Array): ZipEntry[] {
  const view = viewOf(directory);
  const entries: ZipEntry[] = [];
  for (let at = 0; at + 46 <= directory.byteLength; ) {
    if (view.getUint32(at, true) !== entrySignature)
      fail('data/malformed', { file, what: 'its zip directory is broken' });
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const next = at + 46 + nameLength + extraLength + view.getUint16(at + 32, true);
    if (next > directory.byteLength) fail('data/malformed', { file, what: 'its zip directory is broken' });
    const path = new TextDecoder().decode(directory.subarray(at + 46, at + 46 + nameLength));
    const sizes = {
      sizeBytes: view.getUint32(at + 24, true),
      compressedBytes: view.getUint32(at + 20, true),
      headerOffset: view.getUint32(at + 42, true),
    };
    widen(view, at + 46 + nameLength, extraLength, sizes);
    if (view.getUint16(at + 8, true) & 1) fail('data/malformed', { file, what: `'${path}' is encrypted` });
    entries.push({ path, method: view.getUint16(at + 10, true), ...sizes });
    at = next;
  }
  return entries;
}

/** zip64: fields that say 2^32 - 1 stand in the extra field 1, in this order. */
function widen(view: DataView, start: number, length: number, sizes: Record<string, number>): void {
  for (let at = start; at + 4 <= start + length; ) {
    const size = view.getUint16(at + 2, true);
    if (view.getUint16(at, true) === 1) {
      let value = at + 4;
      for (const key of ['sizeBytes', 'compressedBytes', 'headerOffset']) {
        if (sizes[key] !== 0xffffffff || value + 8 > Math.min(at + 4 + size, start + length)) continue;
        sizes[key] = Number(view.getBigUint64(value, true));
        value += 8;
      }
    }
    at += 4 + size;
  }
}

/** The content of an entry: stored or deflated. */
export async function openZipEntry(source: ByteSource, entry: ZipEntry): Promise<ByteSource> {
  const file = `${source.name}/${entry.path}`;
  const { headerOffset, compressedBytes, sizeBytes, method } = entry;
  if (headerOffset + 30 > source.size) {
    fail('data/truncated', { file, got: source.size, wanted: headerOffset + 30 });
  }
  const header = viewOf(await source.read(headerOffset, 30));
  if (header.getUint32(0, true) !== localSignature)
    fail('data/malformed', { file, what: 'its zip header is missing' });
  const offset = headerOffset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
  if (offset + compressedBytes > source.size) {
    fail('data/truncated', { file, got: source.size, wanted: offset + compressedBytes });
  }
  if (method === 8) {
    return inflatedSource(source, { offset, length: compressedBytes }, 'deflate-raw', sizeBytes, file);
  }
  if (method !== 0)
    fail('data/malformed', { file, what: `zip method ${method} is not known (stored and deflate are)` });
  return {
    name: file,
    size: compressedBytes,
    async read(at, length) {
      if (at + length > compressedBytes)
        fail('data/truncated', { file, got: compressedBytes, wanted: at + length });
      return source.read(offset + at, length);
    },
  };
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
