import { fail } from '../../tensor/index.ts';
import type { ByteSource } from '../bytes.ts';
import { fileTensor } from '../file-tensor.ts';
import type { TensorSource } from '../tensor-source.ts';
import type { GgufModel, Metadata } from './gguf.ts';
import { HeaderReader } from './header-reader.ts';
import { readMetadata } from './read-metadata.ts';
import { readTensors } from './read-tensors.ts';

/** Versions that are read; both are the same but for big-endian files, which version 3 allows. */
export type GgufVersion = 2 | 3;

export const DEFAULT_ALIGNMENT = 32;

/** One file by itself, its `split.*` keys still there. */
export interface OneFile extends GgufModel {
  readonly source: ByteSource;
  readonly version: GgufVersion;
  readonly alignment: number;
}

/**
 * Reads the header of one file.
 * @throws gguf/not-gguf, gguf/version, gguf/truncated, gguf/too-large, gguf/malformed, gguf/tensor, gguf/tensor-type
 */
export async function openOne(source: ByteSource): Promise<OneFile> {
  const { name: file, size } = source;
  const reader = new HeaderReader(source);
  await checkMagic(reader);
  await reader.want(20, 'the counts');
  const version = checkVersion(file, reader.uint32());
  const tensorCount = reader.size();
  const keyCount = reader.size();
  // No key and no tensor takes less than 14 bytes.
  for (const [what, count] of [
    [`${tensorCount} tensors`, tensorCount],
    [`${keyCount} keys`, keyCount],
  ] as const) {
    const needed = reader.position + 14 * count;
    if (needed > size) fail('gguf/truncated', { file, what, needed, size });
  }
  const metadata = await readMetadata(reader, keyCount);
  const alignment = alignmentOf(metadata);
  if (typeof alignment === 'string') {
    fail('gguf/malformed', { file, offset: reader.position, what: alignment });
  }
  const declared = await readTensors(reader, tensorCount, alignment);
  const start = Math.ceil(reader.position / alignment) * alignment;
  const tensors = declared.map(({ name, shape, type, offset, sizeBytes }): TensorSource => {
    const needed = start + offset + sizeBytes;
    if (needed > size) fail('gguf/truncated', { file, what: `tensor '${name}'`, needed, size });
    return fileTensor({ name, shape, type, source, offset: start + offset });
  });
  return { source, version, alignment, metadata, tensors };
}

async function checkMagic(reader: HeaderReader): Promise<void> {
  const { file, remaining } = reader;
  const length = Math.min(remaining, 4);
  await reader.want(length, 'the first bytes');
  const magic = String.fromCharCode(...reader.take(length));
  if (magic !== 'GGUF') fail('gguf/not-gguf', { file, why: whatElse(magic) });
}

const others: readonly (readonly [RegExp, string])[] = [
  [/^$/, 'it is empty'],
  [
    /^(ggml|lmgg|fmgg|tjgg|ggjt|ggmf)/,
    'it is a ggml file from before GGUF: convert the original model again',
  ],
  [/^PK/, 'it is a zip archive (a PyTorch checkpoint?)'],
  [/^\x80/, 'it is a Python pickle (a PyTorch checkpoint?)'],
  [/^vers/, 'it is a Git LFS pointer: fetch the file itself'],
  [/^\s*</, 'it is a web page or XML'],
  [/^\s*[{[]/, 'it is JSON'],
];

const whatElse = (magic: string): string =>
  others.find(([pattern]) => pattern.test(magic))?.[1] ?? "it does not start with 'GGUF'";

function checkVersion(file: string, got: number): GgufVersion {
  if (got === 2 || got === 3) return got;
  const why =
    got === 1
      ? 'llama.cpp gave it up in 2023; convert the original model again'
      : (got & 0xffff) === 0 && got !== 0
        ? 'its bytes are big-endian; convert it to little-endian first'
        : 'the file is damaged or newer than lowbit';
  fail('gguf/version', { file, got, why });
}

/** `general.alignment`, 32 without; a string says what is wrong with it. */
export function alignmentOf(metadata: Metadata): number | string {
  const entry = metadata.get('general.alignment');
  if (entry === undefined) return DEFAULT_ALIGNMENT;
  const { type, value } = entry;
  const power = typeof value === 'number' && value > 0 && value <= 2 ** 20 && (value & (value - 1)) === 0;
  if (type === 'uint32' && power) return value;
  const got = type === 'array' ? 'an array' : `${type} ${value}`;
  return `general.alignment is ${got}, but wants a uint32 that is a power of two up to 1048576`;
}
