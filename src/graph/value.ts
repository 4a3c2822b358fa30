import type { DType } from '../tensor/index.ts';

/** A dimension: a size, a name (`batch`), or nothing known. */
export type Dim = number | string | undefined;

/** What is known about a value before the graph runs. */
export type TypeInfo =
  | {
      readonly kind: 'tensor';
      readonly dtype: DType | undefined;
      readonly shape: readonly Dim[] | undefined;
      /** What the exporter said the value means ('IMAGE'), and each dimension ('DATA_BATCH'); informative. */
      readonly denotation?: string;
      readonly dimDenotations?: readonly string[];
    }
  /** Sequences, maps, optionals, sparse tensors: encoded TypeProto, carried through. */
  | { readonly kind: 'opaque'; readonly proto: Uint8Array };

/** A named, typed value: graph input, output, or an annotated intermediate. */
export interface ValueInfo {
  readonly name: string;
  readonly type: TypeInfo | undefined;
  readonly docString?: string;
  readonly metadata?: ReadonlyMap<string, string>;
}

/** A value of tensor type, the common case. */
export function tensorInfo(name: string, dtype: DType | undefined, shape?: readonly Dim[]): ValueInfo {
  return { name, type: { kind: 'tensor', dtype, shape } };
}
