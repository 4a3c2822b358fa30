import type { CompositeScheme, CompositeTensor } from '../../numerics/index.ts';
import { memoryTensor } from '../memory-tensor.ts';
import type { StoredType, TensorSource } from '../tensor-source.ts';

/** A weight that a layout is asked for. */
export interface WeightToStore {
  /** Of the tensor: 'model.layers.0.mlp.up_proj.weight'. */
  readonly name: string;
  /** [out, in]. */
  readonly dims: readonly number[];
  /** Element type that the model computes in: 'bfloat16'. */
  readonly dtype: string;
}

/** One of the tensors that a weight becomes: what the header of a file says of it. */
export interface CheckpointPart {
  readonly name: string;
  readonly type: StoredType;
  readonly shape: readonly number[];
}

/** How other packages store a quantized weight: names, types and bytes of its parts. The maths is in numerics. */
export interface CheckpointLayout {
  /** What to quantize, and the shape in which: layouts with blocks over the whole tensor see it flat. */
  scheme(dims: readonly number[]): { readonly scheme: CompositeScheme; readonly dims: readonly number[] };
  /** Parts of a weight that is not quantized yet. Descriptions in JSON may be some bytes longer or shorter. */
  plan(weight: WeightToStore): CheckpointPart[];
  /** `quantized`: `values` in the scheme and the shape above. */
  store(weight: WeightToStore, values: Float32Array, quantized: CompositeTensor): TensorSource[];
}

/** Planned parts with their bytes. */
export const withBytes = (
  parts: readonly CheckpointPart[],
  data: readonly ArrayBufferView[],
): TensorSource[] =>
  parts.map(({ name, type, shape }, i) => {
    const { buffer, byteOffset, byteLength } = data[i]!;
    return memoryTensor(name, shape, type, new Uint8Array(buffer, byteOffset, byteLength));
  });
