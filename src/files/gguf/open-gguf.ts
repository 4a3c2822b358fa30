import { fail } from '../../tensor/index.ts';
import type { ByteSource, Siblings } from '../bytes.ts';
import type { TensorSource } from '../tensor-source.ts';
import type { GgufModel, Metadata, MetadataValue } from './gguf.ts';
import { type GgufVersion, type OneFile, openOne } from './open-one.ts';
import { parseShardName, SPLIT_COUNT, SPLIT_NO, SPLIT_TENSORS, shardName, splitKeys } from './shard-names.ts';

export type { GgufVersion } from './open-one.ts';

/** A GGUF file, or the files of one model that was split, opened for reading. */
export interface GgufFile extends GgufModel {
  readonly version: GgufVersion;
  /** Of the (first) file's tensor data. */
  readonly alignment: number;
  /** Of all files together. */
  readonly sizeBytes: number;
  /** Files; 1 for a model that is not split. */
  readonly shards: number;
  /** Closes every file, the given source too. */
  close(): Promise<void>;
}

/**
 * Opens a GGUF file of version 2 or 3. Only its header is read; tensors are read row by row when they are asked
 * for. One file of a split model (`-00001-of-00003.gguf`), whichever it is, opens the whole: the others are found
 * in `siblings`, and the metadata lose their `split.*` keys.
 * @throws gguf/not-gguf, gguf/version, gguf/truncated, gguf/too-large, gguf/malformed, gguf/tensor,
 *   gguf/tensor-type, gguf/split
 */
export async function openGguf(source: ByteSource, siblings?: Siblings): Promise<GgufFile> {
  return allShards(await openOne(source), siblings);
}

/**
 * The whole model that an opened file is, or is one part of. The first file's metadata count; keys that only later
 * files have are added.
 */
async function allShards(file: OneFile, siblings: Siblings | undefined): Promise<GgufFile> {
  const count = integerOf(file, SPLIT_COUNT) ?? 1;
  if (count <= 1) return whole([file], file.metadata, file.tensors);
  const { prefix, index } = place(file, count);
  if (siblings === undefined) {
    fail('gguf/split', {
      file: file.source.name,
      what: `it is one of ${count} files of a model, and there is no folder to find the others in`,
    });
  }
  const files: OneFile[] = [];
  const opened: ByteSource[] = [];
  try {
    for (let i = 0; i < count; i++) {
      if (i === index) files.push(file);
      else {
        const source = await siblings.open(shardName(prefix, i, count));
        opened.push(source);
        files.push(await openOne(source));
      }
      checkPlace(files[i]!, i, count);
    }
    return whole(files, mergedMetadata(files), mergedTensors(files));
  } catch (error) {
    for (const source of opened) await source.close?.();
    throw error;
  }
}

function whole(files: readonly OneFile[], metadata: Metadata, tensors: readonly TensorSource[]): GgufFile {
  const { version, alignment } = files[0]!;
  return {
    version,
    alignment,
    metadata,
    tensors,
    shards: files.length,
    sizeBytes: files.reduce((sum, { source }) => sum + source.size, 0),
    async close() {
      for (const { source } of files) await source.close?.();
    },
  };
}

/** An integer of the metadata, whatever its type. */
function integerOf({ source, metadata }: OneFile, key: string): number | undefined {
  const entry = metadata.get(key);
  if (entry === undefined) return undefined;
  const value = typeof entry.value === 'bigint' ? Number(entry.value) : entry.value;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
    fail('gguf/split', { file: source.name, what: `its ${key} is no count` });
  }
  return value;
}

function place(file: OneFile, count: number): { readonly prefix: string; readonly index: number } {
  const { name } = file.source;
  const parsed = parseShardName(name);
  if (parsed === undefined || parsed.count !== count) {
    const example = shardName('model', 0, count);
    const what = `its metadata say that it is one of ${count} files, but its name is not like ${example}`;
    fail('gguf/split', { file: name, what });
  }
  return parsed;
}

function checkPlace(file: OneFile, index: number, count: number): void {
  const { name } = file.source;
  for (const [key, wanted] of [
    [SPLIT_COUNT, count],
    [SPLIT_NO, index],
  ] as const) {
    const got = integerOf(file, key);
    if (got !== wanted) {
      const what = `its ${key} is ${got ?? 'missing'}, but by its name it wants ${wanted}`;
      fail('gguf/split', { file: name, what });
    }
  }
}

function mergedMetadata(files: readonly OneFile[]): Metadata {
  const merged = new Map<string, MetadataValue>();
  for (const { metadata } of files) {
    for (const [key, value] of metadata) {
      if (!splitKeys.has(key) && !merged.has(key)) merged.set(key, value);
    }
  }
  return merged;
}

function mergedTensors(files: readonly OneFile[]): TensorSource[] {
  const first = files[0]!;
  const names = new Set<string>();
  const tensors: TensorSource[] = [];
  for (const { source, tensors: own } of files) {
    for (const tensor of own) {
      if (names.has(tensor.name)) {
        fail('gguf/tensor', { file: source.name, tensor: tensor.name, what: 'is in a file before too' });
      }
      names.add(tensor.name);
      tensors.push(tensor);
    }
  }
  const wanted = integerOf(first, SPLIT_TENSORS);
  if (wanted !== undefined && wanted !== tensors.length) {
    const what = `its ${SPLIT_TENSORS} is ${wanted}, but the ${files.length} files hold ${tensors.length} tensors`;
    fail('gguf/split', { file: first.source.name, what });
  }
  return tensors;
}
