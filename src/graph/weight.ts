import {
  byteLengthOf,
  bytesOf,
  type DType,
  elementCount,
  type Tensor,
  tensorFromBytes,
} from '../tensor/index.ts';

/**
 * A constant of the model whose bytes are read when somebody needs them, not before.
 * `read` gives little-endian, packed bytes (ONNX raw_data order) and may be called more than once.
 */
export interface Weight {
  readonly dtype: Exclude<DType, 'string'>;
  readonly dims: readonly number[];
  readonly byteLength: number;
  /** A range costs only its own bytes, so a big tensor is best read piece by piece. */
  readonly sliced?: boolean;
  /** Bytes [offset, offset + length) of the tensor; all of it without arguments. Do not modify the result. */
  read(offset?: number, length?: number): Promise<Uint8Array>;
}

/** A weight that is already in memory. */
export function weightOf(t: Tensor<Exclude<DType, 'string'>>): Weight {
  const bytes = bytesOf(t);
  return {
    dtype: t.dtype,
    dims: t.dims,
    byteLength: bytes.byteLength,
    sliced: true,
    read: async (offset = 0, length = bytes.byteLength - offset) => bytes.subarray(offset, offset + length),
  };
}

/**
 * A weight that is computed when it is read: quantized codes of a tensor that is not in memory yet.
 * `produce` runs at most once at a time; its result is kept only while `keep` says so (default: never),
 * so that writing a model holds one tensor and not all of them.
 */
export function lazyWeight(
  dtype: Exclude<DType, 'string'>,
  dims: readonly number[],
  produce: () => Promise<Uint8Array>,
): Weight {
  return {
    dtype,
    dims,
    byteLength: byteLengthOf(dtype, elementCount(dims)),
    read: async (offset = 0, length) => {
      const bytes = await produce();
      return bytes.subarray(offset, length === undefined ? undefined : offset + length);
    },
  };
}

/** The weight as a tensor in memory. */
export async function loadWeight(weight: Weight): Promise<Tensor<Exclude<DType, 'string'>>> {
  return tensorFromBytes(weight.dtype, weight.dims, await weight.read());
}
