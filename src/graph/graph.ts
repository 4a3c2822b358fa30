import { fail } from '../tensor/index.ts';
import type { StringTensor } from './attribute.ts';
import { Node, type NodeInit } from './node.ts';
import type { ValueInfo } from './value.ts';
import type { Weight } from './weight.ts';

/**
 * A dataflow graph in single-assignment form: each name has one producer (a node, an initializer or an
 * input). The use-def index is kept true by every edit, so passes ask `producer` and `consumers` in O(1).
 * A node also consumes what its subgraphs capture from outside.
 */
export class Graph {
  name: string;
  docString = '';
  inputs: ValueInfo[] = [];
  outputs: ValueInfo[] = [];
  /** Annotations of intermediate values: types the exporter or a shape inference wrote down. */
  readonly valueInfo = new Map<string, ValueInfo>();
  readonly initializers = new Map<string, Weight | StringTensor>();
  readonly metadata = new Map<string, string>();
  /** Sparse initializers and quantization annotations: encoded protobuf fields, carried through. */
  opaque: { readonly field: 'sparseInitializer' | 'quantizationAnnotation'; readonly proto: Uint8Array }[] =
    [];

  readonly #nodes = new Set<Node>();
  readonly #producers = new Map<string, Node>();
  readonly #consumers = new Map<string, Set<Node>>();
  #fresh = 0;

  constructor(name = 'graph') {
    this.name = name;
  }

  /** Nodes in insertion order; `topologicalOrder` for execution order. */
  get nodes(): ReadonlySet<Node> {
    return this.#nodes;
  }

  /** The node that makes `value`, if a node does. */
  producer(value: string): Node | undefined {
    return this.#producers.get(value);
  }

  /** The nodes that read `value`, directly or from inside a subgraph. Graph outputs are not nodes. */
  consumers(value: string): ReadonlySet<Node> {
    return this.#consumers.get(value) ?? noNodes;
  }

  isOutput(value: string): boolean {
    return this.outputs.some((o) => o.name === value);
  }

  isInput(value: string): boolean {
    return this.inputs.some((i) => i.name === value);
  }

  /** The numeric constant behind a name: an initializer that is not also an input (those can be fed). */
  constant(value: string): Weight | undefined {
    const weight = this.initializers.get(value);
    return weight !== undefined && weight.dtype !== 'string' && !this.isInput(value) ? weight : undefined;
  }

  /** @throws graph/duplicate-value when an output name already has a producer. */
  add(init: NodeInit | Node): Node {
    const node = init instanceof Node ? init : new Node(init);
    for (const output of node.outputs) {
      if (output === '') continue;
      if (this.#producers.has(output)) fail('graph/duplicate-value', { value: output, node: node.label });
      this.#producers.set(output, node);
    }
    this.#nodes.add(node);
    this.#reindexUses(node);
    return node;
  }

  remove(node: Node): void {
    if (!this.#nodes.delete(node)) return;
    for (const output of node.outputs)
      if (this.#producers.get(output) === node) this.#producers.delete(output);
    for (const value of usesOf(node)) this.#dropUse(value, node);
  }

  setInput(node: Node, index: number, value: string): void {
    const before = usesOf(node);
    while (node._inputs.length < index) node._inputs.push('');
    node._inputs[index] = value;
    this.#updateUses(node, before);
  }

  /** Replaces the whole input list. */
  setInputs(node: Node, values: readonly string[]): void {
    const before = usesOf(node);
    node._inputs.splice(0, node._inputs.length, ...values);
    this.#updateUses(node, before);
  }

  setOutput(node: Node, index: number, value: string): void {
    const old = node._outputs[index];
    if (old !== undefined && this.#producers.get(old) === node) this.#producers.delete(old);
    if (value !== '' && this.#producers.has(value))
      fail('graph/duplicate-value', { value, node: node.label });
    node._outputs[index] = value;
    if (value !== '') this.#producers.set(value, node);
  }

  /** Call after a subgraph of `node` was edited: what it captures may have changed. */
  reindex(node: Node): void {
    for (const uses of this.#consumers.values()) uses.delete(node);
    this.#reindexUses(node);
  }

  /**
   * Makes every node read `to` where it read `from`, inside subgraphs too. Graph outputs keep their names:
   * when `from` is one, the caller decides (`renameValue` or an Identity).
   */
  replaceUses(from: string, to: string, except?: ReadonlySet<Node>): void {
    for (const node of [...this.consumers(from)]) {
      if (except?.has(node)) continue;
      const before = usesOf(node);
      replaceInNode(node, from, to);
      this.#updateUses(node, before);
    }
  }

  /** A value name nobody uses yet, starting with `prefix`. */
  freshName(prefix: string): string {
    if (!this.#taken(prefix)) return prefix;
    for (;;) {
      const name = `${prefix}_${++this.#fresh}`;
      if (!this.#taken(name)) return name;
    }
  }

  /** Adds a constant under a fresh name and returns the name. */
  addConstant(prefix: string, weight: Weight): string {
    const name = this.freshName(prefix);
    this.initializers.set(name, weight);
    return name;
  }

  /**
   * Nodes so that every producer comes before its consumers; stable with respect to insertion order.
   * @throws graph/cycle naming one node on the cycle.
   */
  topologicalOrder(): Node[] {
    const waiting = new Map<Node, number>();
    const position = new Map<Node, number>();
    const ready: Node[] = [];
    let index = 0;
    for (const node of this.#nodes) {
      position.set(node, index++);
      let count = 0;
      for (const value of usesOf(node)) if (this.#producers.has(value)) count++;
      waiting.set(node, count);
      if (count === 0) ready.push(node);
    }
    const order: Node[] = [];
    const heap = new ReadyQueue(position, ready);
    for (let node = heap.pop(); node !== undefined; node = heap.pop()) {
      order.push(node);
      for (const output of node.outputs) {
        if (output === '') continue;
        for (const consumer of this.consumers(output)) {
          const left = waiting.get(consumer)! - 1;
          waiting.set(consumer, left);
          if (left === 0) heap.push(consumer);
        }
      }
    }
    if (order.length < this.#nodes.size) {
      const done = new Set(order);
      const stuck = [...this.#nodes].find((n) => !done.has(n))!;
      fail('graph/cycle', { graph: this.name, node: stuck.label });
    }
    return order;
  }

  /** Rewrites the node order to a topological one. */
  sort(): void {
    const order = this.topologicalOrder();
    this.#nodes.clear();
    for (const node of order) this.#nodes.add(node);
  }

  /** A deep copy of the structure; weights are shared, as they are immutable. */
  clone(): Graph {
    const copy = new Graph(this.name);
    copy.docString = this.docString;
    copy.inputs = [...this.inputs];
    copy.outputs = [...this.outputs];
    for (const [k, v] of this.valueInfo) copy.valueInfo.set(k, v);
    for (const [k, v] of this.initializers) copy.initializers.set(k, v);
    for (const [k, v] of this.metadata) copy.metadata.set(k, v);
    copy.opaque = [...this.opaque];
    for (const node of this.#nodes) {
      const attributes = new Map(node.attributes);
      for (const [key, a] of attributes) {
        if (a.type === 'graph') attributes.set(key, { type: 'graph', value: a.value.clone() });
        else if (a.type === 'graphs')
          attributes.set(key, { type: 'graphs', value: a.value.map((g) => g.clone()) });
      }
      copy.add({
        op: node.op,
        domain: node.domain,
        name: node.name,
        inputs: node.inputs,
        outputs: node.outputs,
        docString: node.docString,
        overload: node.overload,
        metadata: node.metadata,
        opaque: node.opaque,
        attributes,
      });
    }
    copy.#fresh = this.#fresh;
    return copy;
  }

  #taken(name: string): boolean {
    return (
      this.#producers.has(name) ||
      this.#consumers.has(name) ||
      this.initializers.has(name) ||
      this.isInput(name) ||
      this.isOutput(name)
    );
  }

  #reindexUses(node: Node): void {
    for (const value of usesOf(node)) {
      let uses = this.#consumers.get(value);
      if (uses === undefined) this.#consumers.set(value, (uses = new Set()));
      uses.add(node);
    }
  }

  #updateUses(node: Node, before: ReadonlySet<string>): void {
    const after = usesOf(node);
    for (const value of before) if (!after.has(value)) this.#dropUse(value, node);
    this.#reindexUses(node);
  }

  #dropUse(value: string, node: Node): void {
    const uses = this.#consumers.get(value);
    uses?.delete(node);
    if (uses?.size === 0) this.#consumers.delete(value);
  }
}

const noNodes: ReadonlySet<Node> = new Set();

/** Every value a node reads: its inputs and what its subgraphs capture. */
export function usesOf(node: Node): Set<string> {
  const uses = new Set<string>();
  for (const input of node.inputs) if (input !== '') uses.add(input);
  for (const graph of node.subgraphs()) for (const value of capturedBy(graph)) uses.add(value);
  return uses;
}

/** Names a graph reads but does not define: they belong to an enclosing graph. */
export function capturedBy(graph: Graph): Set<string> {
  const captured = new Set<string>();
  const own = (value: string) =>
    graph.producer(value) !== undefined || graph.initializers.has(value) || graph.isInput(value);
  for (const node of graph.nodes) for (const value of usesOf(node)) if (!own(value)) captured.add(value);
  for (const output of graph.outputs) if (output.name !== '' && !own(output.name)) captured.add(output.name);
  return captured;
}

function replaceInNode(node: Node, from: string, to: string): void {
  for (let i = 0; i < node._inputs.length; i++) if (node._inputs[i] === from) node._inputs[i] = to;
  for (const graph of node.subgraphs()) {
    if (!capturedBy(graph).has(from)) continue;
    graph.replaceUses(from, to);
    graph.outputs = graph.outputs.map((o) => (o.name === from ? { ...o, name: to } : o));
  }
}

/** Ready nodes by their original position: a binary heap. */
class ReadyQueue {
  readonly #position: ReadonlyMap<Node, number>;
  readonly #heap: Node[] = [];

  constructor(position: ReadonlyMap<Node, number>, ready: readonly Node[]) {
    this.#position = position;
    for (const node of ready) this.push(node);
  }

  #before(a: number, b: number): boolean {
    return this.#position.get(this.#heap[a]!)! < this.#position.get(this.#heap[b]!)!;
  }

  #swap(a: number, b: number): void {
    const held = this.#heap[a]!;
    this.#heap[a] = this.#heap[b]!;
    this.#heap[b] = held;
  }

  push(node: Node): void {
    this.#heap.push(node);
    let at = this.#heap.length - 1;
    for (let up = (at - 1) >> 1; at > 0 && this.#before(at, up); up = (at - 1) >> 1) {
      this.#swap(at, up);
      at = up;
    }
  }

  pop(): Node | undefined {
    const top = this.#heap[0];
    const last = this.#heap.pop();
    if (top === undefined || last === undefined || this.#heap.length === 0) return top;
    this.#heap[0] = last;
    for (let at = 0; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.#heap.length && this.#before(child, least)) least = child;
      }
      if (least === at) return top;
      this.#swap(at, least);
      at = least;
    }
  }
}
