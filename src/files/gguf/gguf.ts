import type { TensorSource } from '../tensor-source.ts';

/**
 * The types of a metadata value, with their numbers in a file.
 * Source: gguf.md of ggml (version 3).
 */
export const metadataTypes = {
  uint8: 0,
  int8: 1,
  uint16: 2,
  int16: 3,
  uint32: 4,
  int32: 5,
  float32: 6,
  bool: 7,
  string: 8,
  array: 9,
  uint64: 10,
  int64: 11,
  float64: 12,
} as const;

export type MetadataType = keyof typeof metadataTypes;
export type ScalarType = Exclude<MetadataType, 'array'>;

/** One metadata value with its type: what was read is written back as it was. */
export type MetadataValue =
  | {
      readonly type: 'uint8' | 'int8' | 'uint16' | 'int16' | 'uint32' | 'int32' | 'float32' | 'float64';
      readonly value: number;
    }
  | { readonly type: 'uint64' | 'int64'; readonly value: bigint }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'array'; readonly of: MetadataType; readonly value: MetadataArray };

/** Values of an array: a typed array for numbers (BigInt64Array and BigUint64Array for 64 bits), else a list. */
export type MetadataArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array
  | readonly boolean[]
  | readonly string[]
  | readonly MetadataValue[];

/** Key -> value, in the order of the file. */
export type Metadata = ReadonlyMap<string, MetadataValue>;

/**
 * A model as GGUF has it: metadata and named tensors that are read row by row. A GGUF file opens as one, a Hugging
 * Face folder converts to one, and quantization takes one and writes one.
 */
export interface GgufModel {
  readonly metadata: Metadata;
  readonly tensors: readonly TensorSource[];
}
