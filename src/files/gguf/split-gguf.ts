import { elementCount, fail } from '../../tensor/index.ts';
import { storedBytes } from '../stored-size.ts';
import type { Metadata, MetadataValue } from './gguf.ts';
import type { GgufTensorInfo } from './layout-gguf.ts';
import { DEFAULT_ALIGNMENT } from './open-one.ts';
import { SPLIT_COUNT, SPLIT_NO, SPLIT_TENSORS, shardName, splitKeys } from './shard-names.ts';

/** How a model is cut; one of the two. */
export type SplitOptions = {
  /** The files are `<prefix>-00001-of-0000N.gguf`. */
  readonly prefix: string;
  /** Keep tensors out of the first file: it then holds the metadata alone. Default false. */
  readonly metadataFirst?: boolean;
} & (
  | { readonly maxBytes: number; readonly maxTensors?: never }
  | { readonly maxTensors: number; readonly maxBytes?: never }
);

/** One file of a split model. */
export interface GgufShard<T extends GgufTensorInfo> {
  readonly name: string;
  readonly metadata: Metadata;
  readonly tensors: readonly T[];
}

/** A uint16 counts them. */
const MAX_SHARDS = 2 ** 16 - 1;

/**
 * Cuts a model into files as llama-gguf-split does: in order, a new file where the next tensor would pass
 * `maxBytes` of tensor data (metadata do not count), or after every `maxTensors`. A tensor that is larger than
 * `maxBytes` has a file of its own. All metadata are in the first file, `split.*` in each. Write the files with
 * `padEmpty`.
 * @throws gguf/not-writable for more than 65535 files
 */
export function splitGguf<T extends GgufTensorInfo>(
  metadata: Metadata,
  tensors: readonly T[],
  options: SplitOptions,
): GgufShard<T>[] {
  const groups = groupsOf(tensors, options);
  if (options.metadataFirst === true) groups.unshift([]);
  const count = groups.length;
  if (count > MAX_SHARDS) {
    const why = `would be cut into ${count} files, but at most ${MAX_SHARDS} can be counted`;
    fail('gguf/not-writable', { what: 'the model', why });
  }
  const own = [...metadata].filter(([key]) => !splitKeys.has(key));
  return groups.map((group, index) => ({
    name: shardName(options.prefix, index, count),
    metadata: new Map<string, MetadataValue>([
      ...(index === 0 ? own : []),
      [SPLIT_NO, { type: 'uint16', value: index }],
      [SPLIT_TENSORS, { type: 'int32', value: tensors.length }],
      [SPLIT_COUNT, { type: 'uint16', value: count }],
    ]),
    tensors: group,
  }));
}

function groupsOf<T extends GgufTensorInfo>(tensors: readonly T[], options: SplitOptions): T[][] {
  const groups: T[][] = [[]];
  let bytes = 0;
  for (const [i, tensor] of tensors.entries()) {
    const size = paddedBytes(tensor);
    const full =
      options.maxBytes === undefined ? i % options.maxTensors === 0 : bytes + size > options.maxBytes;
    if (full && groups.at(-1)!.length > 0) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)!.push(tensor);
    bytes += size;
  }
  return groups;
}

function paddedBytes({ type, shape }: GgufTensorInfo): number {
  const size = storedBytes(type, elementCount(shape));
  return Math.ceil(size / DEFAULT_ALIGNMENT) * DEFAULT_ALIGNMENT;
}
