import type { Graph } from './graph.ts';
import type { TypeInfo } from './value.ts';
import type { Weight } from './weight.ts';

/** A typed attribute of a node (ONNX AttributeProto). Integers are 64-bit, so bigint. */
export type Attribute =
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'int'; readonly value: bigint }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'tensor'; readonly value: Weight | StringTensor }
  | { readonly type: 'graph'; readonly value: Graph }
  | { readonly type: 'floats'; readonly value: readonly number[] }
  | { readonly type: 'ints'; readonly value: readonly bigint[] }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'tensors'; readonly value: readonly (Weight | StringTensor)[] }
  | { readonly type: 'graphs'; readonly value: readonly Graph[] }
  | { readonly type: 'type'; readonly value: TypeInfo }
  /** `@name`: the attribute of the enclosing function that this one stands for. */
  | { readonly type: 'reference'; readonly name: string; readonly attributeType: number }
  /** Kinds that lowbit carries through unchanged (sparse tensors, type lists): encoded AttributeProto. */
  | { readonly type: 'opaque'; readonly proto: Uint8Array };

/** Tensors of strings are not numbers: they are carried along. */
export interface StringTensor {
  readonly dtype: 'string';
  readonly dims: readonly number[];
  readonly data: readonly Uint8Array[];
}

/** What a node takes for an attribute: the attribute itself, or a plain value whose type is clear. */
export type AttributeLike = number | string | readonly number[] | readonly string[] | Graph | Attribute;
