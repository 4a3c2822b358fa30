import { elementCount, float32, type Tensor } from '../../tensor/index.ts';
import type { Graph } from '../graph.ts';
import type { Model } from '../model.ts';
import type { Node } from '../node.ts';
import { inferShapes } from '../passes/infer-shapes.ts';
import type { TypeInfo, ValueInfo } from '../value.ts';
import { type Weight, weightOf } from '../weight.ts';
import { nameOf } from './coded-weight.ts';
import { FLOAT16_MAX, largestOf, toFloat16 } from './float16-constants.ts';
import { crashesInFloat16, float16Row, refusesFloat16 } from './float16-operators.ts';
import { type LoweringResult, type Magnitudes, magnitudesOf, type NodeFilter } from './lowering.ts';
import { Rewrite } from './rewrite.ts';
import { type FoundConstant, type Scope, scopesOf } from './scope.ts';

/** What stays float32, and what the ports of the model are. */
export interface Float16Options {
  readonly filter?: NodeFilter;
  /** Inputs and outputs of the model stay float32, with a Cast behind and before them. Default true. */
  readonly keepIoTypes?: boolean;
  /** Measures activations on data: what would overflow is computed in float32. */
  readonly ranges?: Magnitudes;
}

/** Measured magnitudes may be exceeded on other data: this much room is left. */
const HEADROOM = 2;

/** float32 and float16 as ONNX numbers them in attributes. */
const FLOAT = 1;
const HALF = 10;

type Precision = 'float32' | 'float16';

/**
 * Stores and computes in float16: half the bytes. Nodes stay float32 where their operator has no float16, the
 * filter says so, a weight does not fit, or the measured activations would overflow; Casts join the two.
 * Bodies of If, Loop and Scan are converted too; what crosses their border is float16.
 * The model is changed in place.
 */
export async function lowerFloat16(model: Model, options: Float16Options = {}): Promise<LoweringResult> {
  const types = await inferShapes(model);
  return new Float16Lowering(model, types, options).run();
}

class Float16Lowering {
  readonly #model: Model;
  readonly #options: Float16Options;
  readonly #types: ReadonlyMap<string, TypeInfo>;
  readonly #rewrite: Rewrite;
  /** Nodes that stay float32. */
  readonly #kept = new Set<Node>();
  readonly #magnitudes = new Map<Weight, number>();
  /** Constants in float16, by the graph that holds them. */
  readonly #halves = new Map<Graph, Map<string, string>>();
  readonly #casts = new Map<Graph, Map<string, string>>();
  readonly #inputPrecision: Precision;
  #largest: ReadonlyMap<string, number> = new Map();

  constructor(model: Model, types: ReadonlyMap<string, TypeInfo>, options: Float16Options) {
    this.#model = model;
    this.#types = types;
    this.#options = options;
    this.#rewrite = new Rewrite(model, options.filter);
    this.#inputPrecision = (options.keepIoTypes ?? true) ? 'float32' : 'float16';
  }

  async run(): Promise<LoweringResult> {
    const scopes = scopesOf(this.#model);
    const rows = scopes.map((scope) => ({ scope, nodes: [...scope.graph.nodes] }));
    this.#largest = (await magnitudesOf(this.#options.ranges, this.#measurable())) ?? new Map();
    for (const { scope, nodes } of rows) for (const node of nodes) await this.#decide(scope, node);
    for (const { scope, nodes } of rows) {
      for (const node of nodes) {
        if (this.#kept.has(node)) this.#castInputs(scope, node, 'float32');
        else {
          this.#castInputs(scope, node, 'float16');
          this.#retype(node);
        }
      }
    }
    for (const { scope } of rows) this.#close(scope);
    this.#rewrite.note(
      'ONNX Runtime computes float16 in float32 on x64 processors: the file is half as large, the speed that of the float model.',
    );
    if (this.#options.ranges === undefined) {
      this.#rewrite.note(
        'Overflow of activations was not looked for, and does not show on x64 processors; with calibration data it is found and those nodes stay float32.',
      );
    }
    for (const [graph, halves] of this.#halves) placeBeside(graph, halves);
    const result = await this.#rewrite.finish();
    for (const [graph, halves] of this.#halves) restoreNames(graph, halves);
    return result;
  }

  /** Why a node computes in float32, or nothing when it may change. */
  async #decide(scope: Scope, node: Node): Promise<void> {
    if (!this.#touchesFloats(scope, node)) return;
    // What crosses the border of a body is float16 always: both branches must agree.
    if (node.subgraphs().length > 0) return;
    if (!this.#rewrite.allows(node)) {
      this.#kept.add(node);
      return;
    }
    const why =
      refusesFloat16(node, this.#model.opset) ??
      crashesInFloat16(scope.graph, node) ??
      this.#overflows(node) ??
      (await this.#weightTooLarge(scope, node));
    if (why === undefined) return;
    this.#kept.add(node);
    this.#rewrite.keep(node, why);
  }

  /** Float values of the outermost graph: bodies cannot be tapped. */
  #measurable(): string[] {
    const { graph } = this.#model;
    const scope = { graph };
    const made = [...graph.nodes].flatMap((node) => (node.kind === 'Constant' ? [] : node.outputs));
    return [...graph.inputs.map((input) => input.name), ...made].filter((v) => this.#isFloat(scope, v));
  }

  #overflows(node: Node): string | undefined {
    const limit = FLOAT16_MAX / HEADROOM;
    for (const value of [...node.outputs, ...node.inputs]) {
      const largest = this.#largest.get(value) ?? 0;
      if (largest > limit) {
        return `'${value}' reaches ${largest.toPrecision(3)} on the data, too near float16's largest value 65504`;
      }
    }
    const largest = this.#largest.get(node.inputs[0] ?? '') ?? 0;
    if (float16Row(node).squares && largest * largest > limit) {
      return `its input reaches ${largest.toPrecision(3)} on the data; the squares it adds up would pass 65504`;
    }
    return undefined;
  }

  async #weightTooLarge(scope: Scope, node: Node): Promise<string | undefined> {
    const { scales } = float16Row(node);
    for (const [i, name] of node.inputs.entries()) {
      const found = this.#rewrite.constant(scope, name);
      if (found?.weight.dtype !== 'float32' || scales?.includes(i)) continue;
      const largest = await this.#largestIn(name, found.weight);
      // One number is a mask or a limit: its nearest float16 does. A whole tensor is a weight.
      if (elementCount(found.weight.dims) > 1 && largest > FLOAT16_MAX)
        return `its constant '${name}' holds ${largest.toPrecision(3)}, beyond float16's 65504`;
    }
    return undefined;
  }

  async #largestIn(name: string, weight: Weight): Promise<number> {
    let largest = this.#magnitudes.get(weight);
    if (largest === undefined) this.#magnitudes.set(weight, (largest = await largestOf(name, weight)));
    return largest;
  }

  #isFloat(scope: Scope, value: string): boolean {
    if (value === '') return false;
    const found = this.#rewrite.constant(scope, value);
    if (found !== undefined) return found.weight.dtype === 'float32';
    const type = this.#types.get(value);
    return type?.kind === 'tensor' && type.dtype === 'float32';
  }

  #touchesFloats(scope: Scope, node: Node): boolean {
    return (
      node.inputs.some((v) => this.#isFloat(scope, v)) || node.outputs.some((v) => this.#isFloat(scope, v))
    );
  }

  /** The type a float value has once its maker is converted. */
  #home(scope: Scope, value: string): Precision {
    for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
      const producer = at.graph.producer(value);
      if (producer !== undefined) {
        const byDefinition = float16Row(producer).floatOutputs?.includes(producer.outputs.indexOf(value));
        return this.#kept.has(producer) || byDefinition || isTensorConstant(producer) ? 'float32' : 'float16';
      }
      if (at.graph.isInput(value)) return at.outer === undefined ? this.#inputPrecision : 'float16';
    }
    return 'float32';
  }

  #castInputs(scope: Scope, node: Node, wanted: Precision): void {
    const floatInputs = wanted === 'float16' ? (float16Row(node).floatInputs ?? []) : [];
    node.inputs.forEach((value, i) => {
      if (!this.#isFloat(scope, value)) return;
      const precision = floatInputs.includes(i) ? 'float32' : wanted;
      const found = this.#rewrite.constant(scope, value);
      if (found !== undefined) {
        if (precision === 'float16') scope.graph.setInput(node, i, this.#halfConstant(value, found, node));
      } else if (this.#home(scope, value) !== precision) {
        scope.graph.setInput(node, i, this.#cast(scope.graph, value, precision));
      }
    });
  }

  #halfConstant(name: string, { weight, owner }: FoundConstant, node: Node): string {
    const known = mapOf(this.#halves, owner);
    let half = known.get(name);
    if (half === undefined) {
      half = this.#rewrite.addConstant(owner, `${name}_float16`, toFloat16(weight));
      known.set(name, half);
      this.#report(name, weight, node);
    }
    return half;
  }

  #report(name: string, weight: Weight, node: Node): void {
    const values = elementCount(weight.dims);
    const largest = this.#magnitudes.get(weight) ?? 0;
    if (largest > FLOAT16_MAX) {
      this.#rewrite.note(
        `Constant '${name}' is ${largest.toPrecision(3)}; it became 65504, float16's largest value.`,
      );
    }
    if (values <= 1 || float16Row(node).scales?.includes(node.inputs.indexOf(name))) return;
    this.#rewrite.record({
      ...{ name, node: nameOf(node), op: node.kind, format: 'float16', granularity: 'per-tensor', values },
      ...{ floatBytes: weight.byteLength, codeBytes: values * 2, scaleBytes: 0, zeroPointBytes: 0 },
    });
  }

  /** The value in the other precision, cast once per graph. */
  #cast(graph: Graph, value: string, precision: Precision): string {
    const known = mapOf(this.#casts, graph);
    const key = `${precision} ${value}`;
    let cast = known.get(key);
    if (cast === undefined) {
      cast = this.#rewrite.fresh(`${value}_${precision}`);
      known.set(key, cast);
      this.#addCast(graph, value, cast, precision);
    }
    return cast;
  }

  #addCast(graph: Graph, from: string, to: string, precision: Precision): void {
    graph.add({
      op: 'Cast',
      name: this.#rewrite.fresh(`${to}_Cast`),
      inputs: [from],
      outputs: [to],
      attributes: { to: precision === 'float16' ? HALF : FLOAT },
    });
  }

  /** Attributes of a converted node that speak of float32. */
  #retype(node: Node): void {
    if (isTensorConstant(node)) return;
    if (node.kind === 'Constant') {
      retypeConstant(node);
      return;
    }
    if (node.kind === 'ConstantOfShape') {
      const value = node.attributes.get('value');
      if (value === undefined)
        node.set('value', { type: 'tensor', value: toFloat16(weightOf(float32([1], [0]))) });
      else if (value.type === 'tensor' && value.value.dtype === 'float32') {
        node.set('value', { type: 'tensor', value: toFloat16(value.value as Weight) });
      }
      return;
    }
    const { typeAttribute } = float16Row(node);
    if (typeAttribute === undefined) return;
    const makesFloats =
      node.op.startsWith('Random') || node.op.endsWith('Window') || node.op === 'SequenceEmpty';
    const type = node.int(typeAttribute) ?? (makesFloats && !node.op.endsWith('Like') ? FLOAT : undefined);
    if (type === FLOAT) node.set(typeAttribute, HALF);
  }

  /** Inputs, outputs and annotations of a graph whose nodes are done. */
  #close(scope: Scope): void {
    const { graph } = scope;
    const outer = scope.outer !== undefined;
    const wanted: Precision = outer ? 'float16' : this.#inputPrecision;
    graph.outputs = graph.outputs.map((output) => {
      if (!this.#isFloat(scope, output.name)) return output;
      const info = wanted === 'float16' ? asHalf(output) : output;
      const isConstant = this.#rewrite.constant(scope, output.name) !== undefined;
      if (!isConstant && this.#home(scope, output.name) === wanted) return info;
      if (outer) return { ...info, name: this.#cast(graph, output.name, wanted) };
      const producer = graph.producer(output.name);
      if (producer === undefined || isConstant) return output;
      const inner = this.#rewrite.fresh(`${output.name}_${wanted === 'float32' ? 'float16' : 'float32'}`);
      graph.setOutput(producer, producer.outputs.indexOf(output.name), inner);
      graph.replaceUses(output.name, inner);
      this.#addCast(graph, inner, output.name, wanted);
      return info;
    });
    if (wanted === 'float16') graph.inputs = graph.inputs.map(asHalf);
    for (const [name, info] of graph.valueInfo) {
      if (info.type?.kind === 'tensor' && info.type.dtype === 'float32') graph.valueInfo.delete(name);
    }
  }
}

/** Puts each float16 constant behind its original: parts of one quantized weight stay neighbours in the file. */
function placeBeside(graph: Graph, halves: ReadonlyMap<string, string>): void {
  const all = new Map(graph.initializers);
  graph.initializers.clear();
  for (const [name, weight] of all) {
    graph.initializers.set(name, weight);
    const half = halves.get(name);
    if (half !== undefined) graph.initializers.set(half, all.get(half)!);
  }
}

/** Constants that only float16 nodes read get their old names back. */
function restoreNames(graph: Graph, halves: ReadonlyMap<string, string>): void {
  const names = new Map([...halves].map(([name, half]) => [half, name]));
  const all = [...graph.initializers];
  const taken = new Set([...all.map(([name]) => name), ...[...graph.nodes].flatMap((n) => n.outputs)]);
  graph.initializers.clear();
  for (const [half, weight] of all) {
    const name = names.get(half);
    const free = name !== undefined && !taken.has(name);
    graph.initializers.set(free ? name : half, weight);
    if (free) graph.replaceUses(half, name);
  }
}

/** A Constant node that holds a tensor: who reads it gets an initializer of the right type instead. */
const isTensorConstant = (node: Node): boolean =>
  node.kind === 'Constant' && node.attributes.get('value')?.type === 'tensor';

function retypeConstant(node: Node): void {
  const single = node.attributes.get('value_float');
  const many = node.attributes.get('value_floats');
  let value: Tensor<'float32'>;
  if (single?.type === 'float') value = float32([], [single.value]);
  else if (many?.type === 'floats') value = float32([many.value.length], many.value);
  else return;
  node.attributes.clear();
  node.set('value', { type: 'tensor', value: toFloat16(weightOf(value)) });
}

const asHalf = (info: ValueInfo): ValueInfo =>
  info.type?.kind === 'tensor' && info.type.dtype === 'float32'
    ? { ...info, type: { ...info.type, dtype: 'float16' } }
    : info;

function mapOf(all: Map<Graph, Map<string, string>>, graph: Graph): Map<string, string> {
  let found = all.get(graph);
  if (found === undefined) all.set(graph, (found = new Map()));
  return found;
}
