import { type DType, dtypes, elementCount, type Tensor, zeros } from '../../../tensor/index.ts';
import type { Node } from '../../node.ts';

/** Any tensor but strings. */
export type Numbers = Tensor<Exclude<DType, 'string'>>;

export interface EvaluatorContext {
  readonly node: Node;
  readonly opset: number;
  /** Constant inputs in order; undefined where one is omitted. */
  readonly inputs: readonly (Numbers | undefined)[];
}

/** Computes a node on constants; undefined when this case is not covered, and the node stays. */
export type Evaluator = (c: EvaluatorContext) => readonly Numbers[] | undefined;

export type EvaluatorTable = Readonly<Record<string, Evaluator>>;

/** Elements with an array slot each: sub-byte types are packed, complex ones take two. */
export const hasSlots = (t: Numbers) => dtypes[t.dtype].bits >= 8 && dtypes[t.dtype].kind !== 'complex';

/** A new tensor whose element `i` is element `source(i)` of `t`. */
export function rearranged(t: Numbers, dims: readonly number[], source: (i: number) => number): Numbers {
  const count = elementCount(dims);
  const from = t.data as unknown as number[];
  const data = zeros(t.dtype, count) as unknown as number[];
  for (let i = 0; i < count; i++) data[i] = from[source(i)]!;
  return { dtype: t.dtype, dims, data: data as unknown as Numbers['data'] };
}

/** The same elements under another shape. */
export const reshaped = (t: Numbers, dims: readonly number[]): Numbers => ({ ...t, dims });

/** Elements as numbers; 64-bit integers lose what a number cannot hold, so only for shapes and axes. */
export function toNumbers(t: Numbers | undefined): number[] | undefined {
  return t && Array.from(t.data as ArrayLike<number | bigint>, Number);
}

/** Row-major strides. */
export function stridesOf(dims: readonly number[]): number[] {
  const strides = new Array<number>(dims.length).fill(1);
  for (let d = dims.length - 2; d >= 0; d--) strides[d] = strides[d + 1]! * dims[d + 1]!;
  return strides;
}

/** Flat position in a tensor for each flat position in the result, from one stride per result axis. */
export function strided(
  dims: readonly number[],
  strides: readonly number[],
  offset = 0,
): (i: number) => number {
  const own = stridesOf(dims);
  return (i) => {
    let at = offset;
    for (let d = 0; d < dims.length; d++) at += (Math.floor(i / own[d]!) % dims[d]!) * strides[d]!;
    return at;
  };
}

/** Shape of the broadcast of all, or undefined when they do not fit. */
export function broadcastDims(shapes: readonly (readonly number[])[]): number[] | undefined {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (let d = 0; d < shape.length; d++) {
      const at = rank - shape.length + d;
      if (result[at] === 1) result[at] = shape[d]!;
      else if (shape[d] !== 1 && shape[d] !== result[at]) return undefined;
    }
  }
  return result;
}

/** Flat position in `t` for each flat position of a broadcast shape. */
export function broadcastSource(t: Numbers, dims: readonly number[]): (i: number) => number {
  if (elementCount(t.dims) === 1) return () => 0;
  if (elementCount(t.dims) === elementCount(dims)) return (i) => i;
  const own = stridesOf(t.dims);
  const lead = dims.length - t.dims.length;
  return strided(
    dims,
    dims.map((_, d) => (d < lead || t.dims[d - lead] === 1 ? 0 : own[d - lead]!)),
  );
}

/** An axis counted from the front, or undefined when it lies outside. */
export function axisIn(axis: number, rank: number): number | undefined {
  return axis < -rank || axis >= rank ? undefined : axis < 0 ? axis + rank : axis;
}

/** The larger of two 64-bit integers. */
export function larger(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}

/** The smaller of two 64-bit integers. */
export function smaller(a: bigint, b: bigint): bigint {
  if (a < b) return a;
  return b;
}
