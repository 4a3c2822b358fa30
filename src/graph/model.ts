import type { Attribute } from './attribute.ts';
import { Graph } from './graph.ts';
import type { Node } from './node.ts';
import type { ValueInfo } from './value.ts';

/** A function of the model: a named body of nodes that calls are replaced by. */
export interface ModelFunction {
  readonly name: string;
  readonly domain: string;
  readonly overload: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly string[];
  readonly attributeDefaults: ReadonlyMap<string, Attribute>;
  readonly nodes: readonly Node[];
  readonly opsets: ReadonlyMap<string, number>;
  readonly valueInfo: readonly ValueInfo[];
  readonly docString: string;
  readonly metadata: ReadonlyMap<string, string>;
}

/** A model: a graph and the version of every operator set that its nodes speak. */
export class Model {
  irVersion = 10;
  /** Domain -> version. ai.onnx is ''. */
  readonly opsets = new Map<string, number>([['', 21]]);
  producerName = 'lowbit';
  producerVersion = '';
  domain = '';
  modelVersion = 0n;
  docString = '';
  readonly metadata = new Map<string, string>();
  graph: Graph;
  functions: ModelFunction[] = [];
  /** Training info and device configurations: encoded protobuf fields, carried through. */
  opaque: { readonly field: 'trainingInfo' | 'configuration'; readonly proto: Uint8Array }[] = [];

  constructor(graph: Graph = new Graph()) {
    this.graph = graph;
  }

  /** Version of ai.onnx. */
  get opset(): number {
    return this.opsets.get('') ?? 0;
  }

  clone(): Model {
    const copy = new Model(this.graph.clone());
    copy.irVersion = this.irVersion;
    copy.opsets.clear();
    for (const [k, v] of this.opsets) copy.opsets.set(k, v);
    copy.producerName = this.producerName;
    copy.producerVersion = this.producerVersion;
    copy.domain = this.domain;
    copy.modelVersion = this.modelVersion;
    copy.docString = this.docString;
    for (const [k, v] of this.metadata) copy.metadata.set(k, v);
    copy.functions = [...this.functions];
    copy.opaque = [...this.opaque];
    return copy;
  }
}
