import { fail } from '../tensor/index.ts';
import type { Attribute, AttributeLike } from './attribute.ts';
import { Graph } from './graph.ts';

/** What a new node is made from. */
export interface NodeInit {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly name?: string;
  /** '' is ai.onnx. */
  readonly domain?: string;
  readonly attributes?: Readonly<Record<string, AttributeLike | undefined>> | ReadonlyMap<string, Attribute>;
  readonly docString?: string;
  readonly overload?: string;
  readonly metadata?: ReadonlyMap<string, string>;
  readonly opaque?: readonly Uint8Array[];
}

/**
 * One operator of a graph. Inputs and outputs are value names; '' is an omitted optional one.
 * Edges change only through the graph (`setInput`, `setOutput`), which keeps its use-def index true.
 */
export class Node {
  name: string;
  op: string;
  domain: string;
  readonly attributes: Map<string, Attribute>;
  docString: string;
  overload: string;
  metadata: Map<string, string>;
  /** Device configurations: encoded NodeDeviceConfigurationProto, carried through. */
  opaque: readonly Uint8Array[];
  /** @internal changed by Graph only */
  readonly _inputs: string[];
  /** @internal changed by Graph only */
  readonly _outputs: string[];

  constructor(init: NodeInit) {
    this.op = init.op;
    this.domain = init.domain ?? '';
    this.name = init.name ?? '';
    this._inputs = [...init.inputs];
    this._outputs = [...init.outputs];
    this.docString = init.docString ?? '';
    this.overload = init.overload ?? '';
    this.metadata = new Map(init.metadata);
    this.opaque = init.opaque ?? [];
    this.attributes = new Map();
    const given = init.attributes ?? {};
    if (given instanceof Map) for (const [k, v] of given) this.attributes.set(k, v);
    else
      for (const [k, v] of Object.entries(given)) if (v !== undefined) this.attributes.set(k, toAttribute(v));
  }

  get inputs(): readonly string[] {
    return this._inputs;
  }

  get outputs(): readonly string[] {
    return this._outputs;
  }

  /** `op` for ai.onnx, `domain.op` elsewhere: the key of every per-operator table. */
  get kind(): string {
    return this.domain === '' || this.domain === 'ai.onnx' ? this.op : `${this.domain}.${this.op}`;
  }

  /** How messages name this node. */
  get label(): string {
    return this.name !== '' ? `${this.op} '${this.name}'` : `${this.op} -> '${this._outputs[0] ?? ''}'`;
  }

  int(name: string, fallback: number): number;
  int(name: string): number | undefined;
  int(name: string, fallback?: number): number | undefined {
    const a = this.attributes.get(name);
    if (a === undefined) return fallback;
    if (a.type !== 'int') return this.#wrong(name, a, 'int');
    return Number(a.value);
  }

  float(name: string, fallback: number): number;
  float(name: string): number | undefined;
  float(name: string, fallback?: number): number | undefined {
    const a = this.attributes.get(name);
    if (a === undefined) return fallback;
    if (a.type !== 'float') return this.#wrong(name, a, 'float');
    return a.value;
  }

  string(name: string, fallback: string): string;
  string(name: string): string | undefined;
  string(name: string, fallback?: string): string | undefined {
    const a = this.attributes.get(name);
    if (a === undefined) return fallback;
    if (a.type !== 'string') return this.#wrong(name, a, 'string');
    return a.value;
  }

  ints(name: string): number[] | undefined {
    const a = this.attributes.get(name);
    if (a === undefined) return undefined;
    if (a.type !== 'ints') return this.#wrong(name, a, 'ints');
    return a.value.map(Number);
  }

  /** Sets an attribute; integers become `int`. Use an `Attribute` record for a float that is whole. */
  set(name: string, value: AttributeLike): this {
    this.attributes.set(name, toAttribute(value));
    return this;
  }

  /** The graphs this node carries: branches of If, bodies of Loop and Scan. */
  subgraphs(): Graph[] {
    const found: Graph[] = [];
    for (const a of this.attributes.values()) {
      if (a.type === 'graph') found.push(a.value);
      else if (a.type === 'graphs') found.push(...a.value);
    }
    return found;
  }

  #wrong(attribute: string, got: Attribute, wanted: string): never {
    fail('graph/attribute-type', { node: this.label, attribute, got: got.type, wanted });
  }
}

function toAttribute(value: AttributeLike): Attribute {
  if (typeof value === 'number') {
    return Number.isInteger(value) ? { type: 'int', value: BigInt(value) } : { type: 'float', value };
  }
  if (typeof value === 'string') return { type: 'string', value };
  if (value instanceof Graph) return { type: 'graph', value };
  if (Array.isArray(value)) {
    if (value.some((v) => typeof v === 'string')) return { type: 'strings', value: value as string[] };
    const numbers = value as number[];
    return numbers.every(Number.isInteger)
      ? { type: 'ints', value: numbers.map(BigInt) }
      : { type: 'floats', value: numbers };
  }
  return value as Attribute;
}

/** A float attribute, also where the number is whole. */
export function floatAttribute(value: number): Attribute {
  return { type: 'float', value };
}
