import { bytesOf, type DType, tensor } from '../../../tensor/index.ts';
import type { Graph } from '../../graph.ts';
import type { NodeInit } from '../../node.ts';
import { lazyWeight } from '../../weight.ts';
import type { Rewrite } from '../rewrite.ts';

/** ONNX's numbers of the types that nodes here cast to. */
const onnxTypes = { float32: 1, int32: 6, int64: 7, float64: 11 } as const;

/** Adds nodes that make a weight real again, with names after it. */
export class NodeWriter {
  readonly #rewrite: Rewrite;
  readonly #graph: Graph;
  readonly #name: string;
  /** Results of Reshape: what they were made of. */
  readonly #reshaped = new Map<string, { readonly from: string; readonly shape: string }>();

  constructor(rewrite: Rewrite, graph: Graph, name: string) {
    this.#rewrite = rewrite;
    this.#graph = graph;
    this.#name = name;
  }

  /** Adds a node of one output and gives the name of that. */
  add(op: string, inputs: readonly string[], attributes?: NodeInit['attributes'], domain = ''): string {
    const output = this.#rewrite.fresh(`${this.#name}_${op.toLowerCase()}`);
    const name = this.#rewrite.fresh(`${this.#name}_${op}`);
    this.#graph.add({ op, domain, name, inputs, outputs: [output], ...(attributes && { attributes }) });
    return output;
  }

  cast(value: string, to: keyof typeof onnxTypes): string {
    return this.add('Cast', [value], { to: onnxTypes[to] });
  }

  /** Several in a row become one. */
  reshape(value: string, shape: readonly number[]): string {
    const before = this.#reshaped.get(value);
    const text = shape.join();
    if (before?.shape === text) return value;
    const from = before?.from ?? value;
    const reshaped = this.add('Reshape', [from, this.ints(shape)]);
    this.#reshaped.set(reshaped, { from, shape: text });
    return reshaped;
  }

  /** Columns [from, to) of an axis. */
  slice(value: string, axis: number, from: number, to: number): string {
    return this.add('Slice', [value, this.ints([from]), this.ints([to]), this.ints([axis])]);
  }

  /** A vector of int64, once per graph. */
  ints(values: readonly number[]): string {
    return this.shared(`ints_${values.join('_')}`, 'int64', [values.length], () =>
      BigInt64Array.from(values, BigInt),
    );
  }

  /** A constant that every weight of the graph may use. */
  shared(
    key: string,
    dtype: 'int8' | 'int64' | 'float32',
    dims: readonly number[],
    values: () => Int8Array | BigInt64Array | Float32Array,
  ): string {
    return this.#rewrite.onceFor(this.#graph, `constant ${key}`, (graph) =>
      this.#rewrite.addConstant(
        graph,
        `lowbit_${key}`,
        lazyWeight(dtype, dims, async () => bytesOf(tensor(dtype, dims, values() as never))),
      ),
    );
  }

  /** What `add` makes of nodes and constants, once per graph. */
  once(key: string, add: () => string): string {
    return this.#rewrite.onceFor(this.#graph, `once ${key}`, add);
  }

  /** A constant of this weight alone, computed when it is read. */
  constant(
    part: string,
    dtype: Exclude<DType, 'string'>,
    dims: readonly number[],
    read: () => Promise<Uint8Array>,
  ): string {
    return this.#rewrite.addConstant(this.#graph, `${this.#name}_${part}`, lazyWeight(dtype, dims, read));
  }
}
