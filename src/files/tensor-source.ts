import type { BlockFormatName } from '../numerics/index.ts';
import type { DType } from '../tensor/index.ts';
import type { ByteSource } from './bytes.ts';

/** How the values of a stored tensor look: an element type, or a ggml type with blocks. */
export type StoredType = DType | BlockFormatName;

/** Bytes that lie in a file one after another. */
export interface Piece {
  readonly source: ByteSource;
  readonly offset: number;
  readonly length: number;
}

/**
 * A tensor that lies in a file, or is made from one, and is read row by row: nothing is held. A row is the last
 * axis; rows are counted over all other axes together (a scalar or a vector is one row).
 */
export interface TensorSource {
  readonly name: string;
  /** Outermost axis first, as in safetensors and ONNX; GGUF's `ne` reversed. */
  readonly shape: readonly number[];
  readonly type: StoredType;
  /**
   * A consumer reads this tensor in float32 only (norms, biases, routers of experts in llama.cpp): store it so,
   * whatever type the file is made in.
   */
  readonly keep?: 'float32';
  /** The bytes of rows [from, to), little-endian. Do not modify: in memory they may be the source itself. */
  read(from: number, to: number): Promise<Uint8Array>;
  /**
   * Where the bytes of rows [from, to) lie, in order, if they are stored as they are: worker threads then read them
   * by themselves. Absent for a tensor that is computed.
   */
  pieces?(from: number, to: number): readonly Piece[];
}

/** Values of a row; 1 for a scalar. */
export const rowLengthOf = (shape: readonly number[]): number => shape.at(-1) ?? 1;

/** Rows of a tensor; 1 for a scalar or a vector. */
export function rowCountOf(shape: readonly number[]): number {
  let count = 1;
  for (const dim of shape.slice(0, -1)) count *= dim;
  return count;
}
