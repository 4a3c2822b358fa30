import { formats } from '../../../numerics/index.ts';
import type { Tensor } from '../../../tensor/index.ts';
import type { Graph } from '../../graph.ts';
import type { Node } from '../../node.ts';
import { weightOf } from '../../weight.ts';
import type { EmitContext, ValueParameters } from './apply.ts';
import { operators } from './operators.ts';
import type { QuantizableOperator } from './quantizable-operator.ts';

/** Codes of values and the conversions to and from them: what both forms build on. */
export class CodeValues {
  readonly #c: EmitContext;
  readonly #names: Set<string>;

  constructor(context: EmitContext) {
    this.#c = context;
    this.#names = new Set([...context.graph.nodes].map((node) => node.name));
  }

  /** A name no node has yet: ONNX Runtime refuses two of one name, and exporters name nodes by their outputs. */
  nodeName(op: string, output: string): string {
    let name = `${output}/${op}`;
    while (this.#names.has(name)) name += '_';
    this.#names.add(name);
    return name;
  }

  parameters(value: string): ValueParameters {
    return this.#c.parameters.get(value)!;
  }

  /** Remembers which value holds the codes of `value`. */
  note(value: string, codes: string): void {
    const { scale, zeroPoint } = this.parameters(value);
    this.#c.codes.set(value, { codes, scale, zeroPoint });
  }

  /** The codes of a value; one that a float node (or the user) makes is quantized once. */
  codesOf(value: string): string {
    const known = this.#c.codes.get(value);
    if (known) return known.codes;
    const codes = this.quantize(this.#fenced(value), value);
    this.note(value, codes);
    return codes;
  }

  /**
   * ONNX Runtime 1.30 quantizes the weights of a float Conv, ConvTranspose or Gemm by itself, per tensor, when
   * it stands between DequantizeLinear and QuantizeLinear: what was kept float for accuracy would not be. A Min
   * of one value, which costs a copy, hides the QuantizeLinear from it.
   */
  #fenced(value: string): string {
    const { graph } = this.#c;
    const linear = behindMoves(graph, value, (node) => node.op === 'Relu' || node.op === 'Clip');
    if (linear === undefined || !['Conv', 'ConvTranspose', 'Gemm'].includes(linear.kind)) return value;
    const source = behindMoves(graph, linear.inputs[0]!, (node) => node.op === 'Pad');
    if (source?.kind !== 'DequantizeLinear') return value;
    const fenced = graph.freshName(`${value}_fenced`);
    graph.add({ op: 'Min', name: this.nodeName('Min', fenced), inputs: [value], outputs: [fenced] });
    return fenced;
  }

  /** Codes of `from` with the parameters of `value`. */
  quantize(from: string, value: string): string {
    const { scaleName, zeroPointName } = this.parameters(value);
    const codes = this.#c.graph.freshName(`${value}_codes`);
    this.#c.graph.add({
      op: 'QuantizeLinear',
      name: this.nodeName('QuantizeLinear', codes),
      inputs: [from, scaleName, zeroPointName],
      outputs: [codes],
    });
    return codes;
  }

  /** Writes the reals of codes to `to`. */
  dequantize(codes: string, to: string, value: string): void {
    const { scaleName, zeroPointName } = this.parameters(value);
    this.#c.graph.add({
      op: 'DequantizeLinear',
      name: this.nodeName('DequantizeLinear', to),
      inputs: [codes, scaleName, zeroPointName],
      outputs: [to],
    });
  }

  /** Cuts codes to a clamp's. */
  cut(codes: string, value: string, clamp: { readonly min: number; readonly max: number }): string {
    const { graph } = this.#c;
    const bounds = (['min', 'max'] as const).map((name) => this.scalar(`${value}_${name}`, clamp[name]));
    const output = graph.freshName(`${value}_clamped`);
    graph.add({
      op: 'Clip',
      name: this.nodeName('Clip', output),
      inputs: [codes, ...bounds],
      outputs: [output],
    });
    return output;
  }

  /** A scalar of the codes' type. */
  scalar(name: string, code: number): string {
    const { dtype, createCodes } = formats[this.#c.scheme.format];
    return this.#c.graph.addConstant(
      name,
      weightOf({ dtype, dims: [], data: createCodes(1).fill(code) } as Tensor<'int8'>),
    );
  }
}

/** The node that makes a value, seen through pass-through operators and `others`. */
function behindMoves(graph: Graph, value: string, others: (node: Node) => boolean): Node | undefined {
  for (let node = graph.producer(value); ; node = graph.producer(node.inputs[0]!)) {
    if (node === undefined || !(rows[node.kind]?.role === 'passThrough' || others(node))) return node;
  }
}

const rows: Readonly<Record<string, QuantizableOperator>> = operators;
