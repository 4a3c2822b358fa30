import type { DType } from '../../../tensor/index.ts';
import type { Graph } from '../../graph.ts';
import type { Node } from '../../node.ts';
import type { Dim } from '../../value.ts';

/** What is known of a tensor; a missing field is unknown. */
export interface Type {
  readonly dtype?: DType;
  readonly shape?: readonly Dim[];
}

export const unknown: Type = {};

/** What a rule sees of its node. */
export interface RuleContext {
  readonly node: Node;
  /** Version of the operator set of the node's domain. */
  readonly opset: number;
  /** Type of input `i`; `unknown` where it is omitted. */
  input(i: number): Type;
  has(i: number): boolean;
  /** The numbers in a small input when they are known, row-major; an entry may be a symbol. */
  content(i: number): readonly Dim[] | undefined;
  /** Output types of a subgraph, given the types of its inputs. */
  subgraph(graph: Graph, inputs: readonly Type[]): Type[];
}

/** Output types of a node, in order; a missing or undefined entry is unknown. */
export type Rule = (c: RuleContext) => readonly (Type | undefined)[];

export type RuleTable = Readonly<Record<string, Rule>>;

/** A known content whose entries are all numbers. */
export function numbers(content: readonly Dim[] | undefined): number[] | undefined {
  return content?.every((d) => typeof d === 'number') ? (content as number[]) : undefined;
}

/** A content's single number. */
export function scalar(content: readonly Dim[] | undefined): number | undefined {
  return content?.length === 1 && typeof content[0] === 'number' ? content[0] : undefined;
}

export const unknownDims = (rank: number): Dim[] => new Array<Dim>(rank).fill(undefined);

/** An axis counted from the front; undefined when it does not lie in [-rank, rank). */
export function axisOf(axis: number | undefined, rank: number): number | undefined {
  if (axis === undefined || axis < -rank || axis >= rank) return undefined;
  return axis < 0 ? axis + rank : axis;
}

/** One dimension that fits both, by ONNX broadcasting: equal, or one of them 1. */
function broadcastDim(a: Dim, b: Dim): Dim {
  if (a === b || b === 1) return a;
  if (a === 1) return b;
  if (typeof a === 'number') return a;
  if (typeof b === 'number') return b;
  return undefined;
}

/** Shape of an element-wise result. */
export function broadcast(shapes: readonly (readonly Dim[] | undefined)[]): readonly Dim[] | undefined {
  let result: readonly Dim[] = [];
  for (const shape of shapes) {
    if (shape === undefined) return undefined;
    const rank = Math.max(result.length, shape.length);
    const left = padded(result, rank);
    const right = padded(shape, rank);
    result = left.map((d, i) => broadcastDim(d, right[i]));
  }
  return result;
}

const padded = (shape: readonly Dim[], rank: number): Dim[] => [
  ...new Array<Dim>(rank - shape.length).fill(1),
  ...shape,
];

/** Two statements about one value, together; the first wins where they contradict. */
export function merge(first: Type, second: Type): Type {
  return {
    dtype: first.dtype ?? second.dtype,
    shape:
      first.shape === undefined || second.shape === undefined || first.shape.length !== second.shape.length
        ? (first.shape ?? second.shape)
        : first.shape.map((d, i) => d ?? second.shape?.[i]),
  };
}

/** What holds of a value that may be either: equal facts stay. */
export function either(a: Type, b: Type): Type {
  return {
    dtype: a.dtype === b.dtype ? a.dtype : undefined,
    shape:
      a.shape !== undefined && a.shape.length === b.shape?.length
        ? a.shape.map((d, i) => (d === b.shape?.[i] ? d : undefined))
        : undefined,
  };
}

/** Product of dimensions; undefined as soon as one is no number. */
export function product(dims: readonly Dim[]): number | undefined {
  let count = 1;
  for (const d of dims) {
    if (typeof d !== 'number') return undefined;
    count *= d;
  }
  return count;
}

/** Sum of dimensions; a single unknown makes it unknown, except zero terms. */
export function sum(dims: readonly Dim[]): Dim {
  const terms = dims.filter((d) => d !== 0);
  if (terms.length === 1) return terms[0];
  let total = 0;
  for (const d of terms) {
    if (typeof d !== 'number') return undefined;
    total += d;
  }
  return total;
}

/**
 * Product of dimensions divided by the product of others, where symbols and numbers cancel: the size that
 * -1 stands for in a Reshape. Undefined when it does not come out as one number or one symbol.
 */
export function quotient(above: readonly Dim[], below: readonly Dim[]): Dim {
  let count = 1;
  const symbols: string[] = [];
  for (const d of above) {
    if (d === undefined) return undefined;
    if (typeof d === 'string') symbols.push(d);
    else count *= d;
  }
  for (const d of below) {
    if (d === undefined) return undefined;
    if (typeof d === 'number') count /= d;
    else if (symbols.includes(d)) symbols.splice(symbols.indexOf(d), 1);
    else return undefined;
  }
  if (symbols.length === 0) return Number.isInteger(count) ? count : undefined;
  return symbols.length === 1 && count === 1 ? symbols[0] : undefined;
}
