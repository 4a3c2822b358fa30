import { fail, type Tensor, tensor } from '../../../tensor/index.ts';
import type { Graph } from '../../graph.ts';
import { Node, type NodeInit } from '../../node.ts';
import type { Dim, TypeInfo } from '../../value.ts';
import { type Weight, weightOf } from '../../weight.ts';
import { constantOf } from '../constant.ts';
import type { Enclosing } from '../pass.ts';

/** Rewrites one node from the version before a step to the version of the step. */
export type Step = (s: StepContext) => void | Promise<void>;

/** Rewrites by the version that changed an operator. */
export type StepTable = Readonly<Record<string, Readonly<Record<number, Step>>>>;

/** A node on its way to a newer operator set. */
export class StepContext {
  readonly graph: Graph;
  readonly node: Node;
  /** The version the node speaks before this step. */
  readonly from: number;
  readonly #types: ReadonlyMap<string, TypeInfo>;
  readonly #enclosing: Enclosing | undefined;

  constructor(
    graph: Graph,
    node: Node,
    from: number,
    types: ReadonlyMap<string, TypeInfo>,
    enclosing: Enclosing | undefined,
  ) {
    this.graph = graph;
    this.node = node;
    this.from = from;
    this.#types = types;
    this.#enclosing = enclosing;
  }

  has(input: number): boolean {
    return (this.node.inputs[input] ?? '') !== '';
  }

  shape(value: string | undefined): readonly Dim[] | undefined {
    const type = this.#types.get(value ?? '');
    return type?.kind === 'tensor' ? type.shape : undefined;
  }

  /** Element type of an input; refuses where it cannot be told. */
  dtype(input: number) {
    const type = this.#types.get(this.node.inputs[input] ?? '');
    if (type?.kind !== 'tensor' || type.dtype === undefined)
      return this.refuse(`the element type of '${this.node.inputs[input]}' is unknown`);
    return type.dtype;
  }

  weight(input: number): Weight | undefined {
    return constantOf(this.graph, this.#enclosing, this.node.inputs[input] ?? '');
  }

  /** Adds a constant named after the node. */
  constant(what: string, t: Tensor<Exclude<Tensor['dtype'], 'string'>>): string {
    const stem = this.node.outputs.find((o) => o !== '') ?? this.node.name;
    return this.graph.addConstant(`${stem}/${what}`, weightOf(t));
  }

  /** Turns an attribute of integers into input `i`; absent stays absent. */
  integersToInput(attribute: string, i: number): void {
    // As they stand: the largest 64-bit integer, which means "to the end", is no exact number.
    const given = this.node.attributes.get(attribute);
    if (given?.type === 'reference')
      this.refuse(`its ${attribute} is an attribute of the function around it`);
    if (given === undefined) return;
    const numbers: readonly bigint[] =
      given.type === 'ints' ? given.value : this.refuse(`its ${attribute} is ${given.type} and not ints`);
    this.node.attributes.delete(attribute);
    const values = tensor('int64', [numbers.length], BigInt64Array.from(numbers));
    this.graph.setInput(this.node, i, this.constant(attribute, values));
  }

  /** Puts other nodes in the place of this one. */
  replaceBy(...inits: NodeInit[]): void {
    const nodes = inits.map((init) => new Node(init));
    this.graph.remove(this.node);
    for (const node of nodes) this.graph.add(node);
  }

  /** A value name for inner steps of a replacement. */
  fresh(what: string): string {
    return this.graph.freshName(`${this.node.outputs.find((o) => o !== '') ?? this.node.name}/${what}`);
  }

  refuse(why: string): never {
    fail('graph/opset-change', { node: this.node.label, from: this.from, to: this.from + 1, why });
  }
}
