import type { Scheme } from '../../numerics/index.ts';
import type { Graph } from '../graph.ts';
import type { Model } from '../model.ts';
import type { Node } from '../node.ts';
import { removeDeadCode } from '../passes/remove-dead-code.ts';
import type { Weight } from '../weight.ts';
import type { CodeLayout } from './code-layout.ts';
import { codeWeight, nameOf, OneTensorCache } from './coded-weight.ts';
import type {
  KeptNodeRecord,
  LoweringResult,
  NodeFilter,
  QuantizedWeightRecord,
  WeightQuantizer,
  WeightRun,
} from './lowering.ts';
import { constantIn, type FoundConstant, NameSupply, reindexHolders, type Scope, scopesOf } from './scope.ts';

/** Names of the constants of a weight that was quantized. */
export interface CodedNames {
  readonly codes: string;
  readonly scale: string;
  readonly zeroPoint?: string;
}

/** Rewrites a node in place, or says why it stays; '' where it was never a candidate. */
export type Rule<C> = (context: C, scope: Scope, node: Node) => true | string;

/** One lowering under way: names, constants, what was done and what was kept. */
export class Rewrite {
  readonly model: Model;
  readonly #filter: NodeFilter;
  readonly #names: NameSupply;
  readonly #quantized: QuantizedWeightRecord[] = [];
  readonly #kept: KeptNodeRecord[] = [];
  readonly #notes = new Set<string>();
  readonly #coded = new Map<string, CodedNames>();
  readonly #owners = new Map<Graph, number>();
  readonly #made = new Map<Graph, Map<string, string>>();
  readonly #cache = new OneTensorCache();

  constructor(model: Model, filter: NodeFilter = () => true) {
    this.model = model;
    this.#filter = filter;
    this.#names = new NameSupply(model);
  }

  /** Every graph and the nodes it had when asked; bodies first. */
  *nodes(): Generator<{ scope: Scope; node: Node }> {
    for (const scope of scopesOf(this.model)) {
      for (const node of [...scope.graph.nodes]) yield { scope, node };
    }
  }

  /** True, or false after noting why the user wants the node kept. */
  allows(node: Node): boolean {
    const verdict = this.#filter(node);
    if (verdict === true) return true;
    this.keep(node, verdict);
    return false;
  }

  /** Hands every node the user lets through to the rule of its operator. */
  apply<C>(rules: Readonly<Record<string, Rule<C>>>, context: C): void {
    for (const { scope, node } of this.nodes()) {
      const rule = rules[node.kind];
      if (rule === undefined || !this.allows(node)) continue;
      const verdict = rule(context, scope, node);
      if (verdict !== true && verdict !== '') this.keep(node, verdict);
    }
  }

  keep(node: Node, why: string): void {
    this.#kept.push({ node: nameOf(node), op: node.kind, why });
  }

  note(text: string): void {
    this.#notes.add(text);
  }

  constant(scope: Scope, name: string | undefined): FoundConstant | undefined {
    return name === undefined || name === '' ? undefined : constantIn(scope, name);
  }

  fresh(prefix: string): string {
    return this.#names.fresh(prefix);
  }

  addConstant(graph: Graph, prefix: string, weight: Weight): string {
    const name = this.fresh(prefix);
    graph.initializers.set(name, weight);
    return name;
  }

  record(record: QuantizedWeightRecord): void {
    this.#quantized.push(record);
  }

  /** Puts the coded weight beside the float one, once per layout however many nodes read it. */
  code(request: {
    readonly name: string;
    readonly found: FoundConstant;
    readonly node: Node;
    readonly scheme: Scheme;
    readonly layout: CodeLayout;
    readonly quantizer: WeightQuantizer;
    /** Another shape of the same values, when the scheme speaks of it. */
    readonly view?: Weight;
    readonly runs?: WeightRun;
  }): CodedNames {
    const { name, found, scheme, layout, node, quantizer } = request;
    const { owner } = found;
    let ownerId = this.#owners.get(owner);
    if (ownerId === undefined) this.#owners.set(owner, (ownerId = this.#owners.size));
    const key = JSON.stringify([ownerId, name, scheme, layout]);
    const known = this.#coded.get(key);
    if (known !== undefined) return known;
    const weight = request.view ?? found.weight;
    const coded = codeWeight({ name, node, weight, scheme, layout, quantizer, cache: this.#cache });
    this.record({ ...coded.record, ...(request.runs && { runs: request.runs }) });
    const names: CodedNames = {
      codes: this.addConstant(owner, `${name}_codes`, coded.codes),
      scale: this.addConstant(owner, `${name}_scale`, coded.scale),
      ...(coded.zeroPoint && { zeroPoint: this.addConstant(owner, `${name}_zero_point`, coded.zeroPoint) }),
    };
    this.#coded.set(key, names);
    return names;
  }

  /** Adds nodes to a graph once and gives the value they make every time. */
  onceFor(graph: Graph, key: string, add: (graph: Graph) => string): string {
    let made = this.#made.get(graph);
    if (made === undefined) this.#made.set(graph, (made = new Map()));
    let value = made.get(key);
    if (value === undefined) made.set(key, (value = add(graph)));
    return value;
  }

  /** Says that the nodes use com.microsoft operators. */
  useContrib(): void {
    if (!this.model.opsets.has('com.microsoft')) this.model.opsets.set('com.microsoft', 1);
  }

  /** Sorts what was added into place, drops constants that nobody reads any more, and reports. */
  async finish(): Promise<LoweringResult> {
    reindexHolders(this.model);
    for (const { graph } of scopesOf(this.model)) graph.sort();
    await removeDeadCode(this.model);
    return { quantized: this.#quantized, kept: this.#kept, notes: [...this.#notes] };
  }
}
