import { float32 } from '../../../tensor/index.ts';
import { floatAttribute } from '../../node.ts';
import { weightOf } from '../../weight.ts';
import type { EmitContext, PreparedNode } from './apply.ts';
import { CodeValues } from './code-values.ts';
import { emitOnCodes } from './emit-on-codes.ts';
import { activationInputs } from './region.ts';

/**
 * QDQ form: the float operators stay, between DequantizeLinear and QuantizeLinear, and the runtime fuses each
 * such sandwich into an integer kernel. A value keeps its name for its dequantized self when an integer node
 * makes it; what a float node makes keeps its own name, and integer nodes read `<name>_dequantized`.
 */
export function emitQdq(context: EmitContext): void {
  const emitter = new QdqEmitter(context);
  for (const prepared of context.nodes) emitter.emit(prepared);
}

class QdqEmitter {
  readonly #c: EmitContext;
  readonly #values: CodeValues;
  /** Values that an integer node makes. */
  readonly #made: ReadonlySet<string>;
  /** Operators on codes stand between others only where ONNX Runtime does not rewrite int8 as uint8. */
  readonly #mayUseCodes: boolean;

  constructor(context: EmitContext) {
    this.#c = context;
    this.#values = new CodeValues(context);
    this.#made = new Set(context.nodes.flatMap((n) => (n.planned.floatOutput ? [] : n.planned.outputs)));
    this.#mayUseCodes = context.scheme.format === 'uint8';
  }

  emit(prepared: PreparedNode): void {
    const { node, planned } = prepared;
    if (planned.row.onCodes && this.#mayUseCodes) {
      for (const [value, codes] of emitOnCodes(this.#c, this.#values, prepared)) this.#finish(codes, value);
      return;
    }
    this.#readDequantized(prepared);
    if (planned.floatOutput) {
      for (const output of node.outputs) if (output !== '') this.#c.valueMap.set(output, output);
      return;
    }
    const { graph } = this.#c;
    const positions = [...node.outputs.keys()].filter((i) => node.outputs[i] !== '');
    for (const [i, value] of planned.outputs.entries()) {
      const raw = graph.freshName(`${value}_float`);
      graph.setOutput(node, positions[i]!, raw);
      const codes = this.#values.quantize(raw, value);
      this.#finish(planned.clamp && prepared.clamp ? this.#cut(codes, value, prepared) : codes, value);
    }
  }

  #readDequantized({ node, planned, constants, bias }: PreparedNode): void {
    const { graph } = this.#c;
    const activations = new Set(activationInputs(node, planned.row, graph));
    for (const [index, name] of node.inputs.entries()) {
      const constant = planned.row.inputs[index] === 'bias' ? bias : constants.get(index);
      if (constant) graph.setInput(node, index, this.#dequantizeConstant(constant, name));
      else if (activations.has(name)) graph.setInput(node, index, this.#dequantized(name));
    }
    if (node.op === 'Gemm') {
      // Both are in the codes now.
      for (const name of ['alpha', 'beta']) if (node.attributes.has(name)) node.set(name, floatAttribute(1));
    }
    for (const absorbed of planned.clamp?.nodes ?? []) graph.remove(graph.producer(absorbed)!);
  }

  /** Cuts codes where the output's range is wider than the Relu or Clip that melted into it. */
  #cut(codes: string, value: string, { clamp, planned }: PreparedNode): string {
    if (this.#mayUseCodes) return this.#values.cut(codes, value, clamp!);
    const { graph } = this.#c;
    const bounds = (['min', 'max'] as const).map((name) => {
      const bound = planned.clamp![name];
      return Number.isFinite(bound)
        ? graph.addConstant(`${value}_${name}`, weightOf(float32([], [bound])))
        : '';
    });
    const unclamped = graph.freshName(`${value}_unclamped`);
    const clamped = graph.freshName(`${value}_clamped`);
    this.#values.dequantize(codes, unclamped, value);
    graph.add({
      op: 'Clip',
      name: this.#values.nodeName('Clip', clamped),
      inputs: [unclamped, ...bounds],
      outputs: [clamped],
    });
    return this.#values.quantize(clamped, value);
  }

  #finish(codes: string, value: string): void {
    this.#values.note(value, codes);
    this.#values.dequantize(codes, value, value);
    this.#c.valueMap.set(value, value);
  }

  /** What integer nodes read for a value. */
  #dequantized(value: string): string {
    if (this.#made.has(value)) return value;
    let name = this.#c.valueMap.get(value);
    if (name === undefined) {
      name = this.#c.graph.freshName(`${value}_dequantized`);
      this.#values.dequantize(this.#values.codesOf(value), name, value);
      this.#c.valueMap.set(value, name);
    }
    return name;
  }

  #dequantizeConstant(constant: DequantizedConstant, name: string): string {
    const out = this.#c.graph.freshName(`${name}_dequantized`);
    this.#c.graph.add({
      op: 'DequantizeLinear',
      name: this.#values.nodeName('DequantizeLinear', out),
      inputs: [constant.codes, constant.scale, ...(constant.zeroPoint ? [constant.zeroPoint] : [])],
      outputs: [out],
      attributes: constant.axis === undefined ? {} : { axis: constant.axis },
    });
    return out;
  }
}

interface DequantizedConstant {
  readonly codes: string;
  readonly scale: string;
  readonly zeroPoint?: string;
  readonly axis: number | undefined;
}
