import { formats } from '../../../numerics/index.ts';
import { float32, type Tensor } from '../../../tensor/index.ts';
import { floatAttribute } from '../../node.ts';
import { weightOf } from '../../weight.ts';
import type { EmitContext, PreparedNode, ValueParameters } from './apply.ts';
import { activationInputs } from './region.ts';

/**
 * QDQ form: the float operators stay, between DequantizeLinear and QuantizeLinear, and the runtime fuses each
 * such sandwich into an integer kernel. A value keeps its name for its dequantized self when an integer node
 * makes it; what a float node makes keeps its own name, and integer nodes read `<name>_dequantized`.
 */
export function emitQdq(context: EmitContext): void {
  new QdqEmitter(context).emit();
}

class QdqEmitter {
  readonly #c: EmitContext;
  /** Values that an integer node makes. */
  readonly #made: ReadonlySet<string>;
  /** Value -> its codes, once they are there. */
  readonly #codes = new Map<string, string>();
  /** Clip of codes works where nothing around it must be rewritten: ONNX Runtime turns int8 into uint8. */
  readonly #cutsCodes: boolean;

  constructor(context: EmitContext) {
    this.#c = context;
    this.#made = new Set(context.nodes.flatMap((n) => (n.planned.floatOutput ? [] : n.planned.outputs)));
    this.#cutsCodes = context.scheme.format === 'uint8';
  }

  emit(): void {
    for (const prepared of this.#c.nodes) {
      if (prepared.planned.row.onCodes && this.#cutsCodes) this.#emitOnCodes(prepared);
      else this.#emitSandwich(prepared);
    }
  }

  #emitSandwich(prepared: PreparedNode): void {
    const { graph, valueMap } = this.#c;
    const { node, planned, constants, bias } = prepared;
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
    for (const absorbed of planned.clamp?.nodes ?? []) {
      const gone = graph.producer(absorbed)!;
      for (const input of gone.inputs) graph.valueInfo.delete(input);
      graph.remove(gone);
    }
    if (planned.floatOutput) {
      for (const output of node.outputs) if (output !== '') valueMap.set(output, output);
      return;
    }
    const positions = [...node.outputs.keys()].filter((i) => node.outputs[i] !== '');
    for (const [i, value] of planned.outputs.entries()) {
      const raw = graph.freshName(`${value}_float`);
      graph.setOutput(node, positions[i]!, raw);
      let codes = this.#quantize(raw, value);
      if (planned.clamp && prepared.clamp) codes = this.#cut(codes, value, prepared);
      this.#finish(codes, value);
    }
  }

  /** The operator works on codes: nothing to fuse. Relu and Clip become a Clip of codes. */
  #emitOnCodes(prepared: PreparedNode): void {
    const { graph } = this.#c;
    const { node, planned } = prepared;
    const value = planned.outputs[0]!;
    const input = this.#codesOf(node.inputs[0]!);
    if (prepared.clamp) {
      graph.remove(node);
      this.#finish(this.#cut(input, value, prepared), value);
      return;
    }
    const codes = graph.freshName(`${value}_codes`);
    graph.setInput(node, 0, input);
    graph.setOutput(node, 0, codes);
    this.#finish(codes, value);
  }

  /** Cuts codes where the output's range is wider than the Relu or Clip before it. */
  #cut(codes: string, value: string, { clamp, planned }: PreparedNode): string {
    const { graph, scheme } = this.#c;
    const { dtype, createCodes } = formats[scheme.format];
    const output = graph.freshName(`${value}_clamped`);
    if (this.#cutsCodes) {
      const bound = (name: 'min' | 'max') =>
        graph.addConstant(
          `${value}_${name}`,
          weightOf({ dtype, dims: [], data: createCodes(1).fill(clamp![name]) } as Tensor<'int8'>),
        );
      graph.add({ op: 'Clip', name: output, inputs: [codes, bound('min'), bound('max')], outputs: [output] });
      return output;
    }
    const bounds = planned.clamp ?? planned.bounds!;
    const bound = (name: 'min' | 'max') =>
      Number.isFinite(bounds[name])
        ? graph.addConstant(`${value}_${name}`, weightOf(float32([], [bounds[name]])))
        : '';
    const unclamped = graph.freshName(`${value}_unclamped`);
    this.#dequantize(codes, unclamped, this.#parameters(value));
    graph.add({
      op: 'Clip',
      name: output,
      inputs: [unclamped, bound('min'), bound('max')],
      outputs: [output],
    });
    return this.#quantize(output, value);
  }

  #finish(codes: string, value: string): void {
    this.#codes.set(value, codes);
    this.#dequantize(codes, value, this.#parameters(value));
    this.#c.valueMap.set(value, value);
  }

  /** What integer nodes read for a value. A value that a float node (or the user) makes is quantized once. */
  #dequantized(value: string): string {
    if (this.#made.has(value)) return value;
    const known = this.#c.valueMap.get(value);
    if (known !== undefined && known !== value) return known;
    const out = this.#c.graph.freshName(`${value}_dequantized`);
    this.#dequantize(this.#codesOf(value), out, this.#parameters(value));
    this.#c.valueMap.set(value, out);
    return out;
  }

  #codesOf(value: string): string {
    let codes = this.#codes.get(value);
    if (codes === undefined) this.#codes.set(value, (codes = this.#quantize(value, value)));
    return codes;
  }

  #parameters(value: string): ValueParameters {
    return this.#c.parameters.get(value)!;
  }

  #quantize(from: string, value: string): string {
    const { scaleName, zeroPointName } = this.#parameters(value);
    const codes = this.#c.graph.freshName(`${value}_codes`);
    this.#c.graph.add({
      op: 'QuantizeLinear',
      name: codes,
      inputs: [from, scaleName, zeroPointName],
      outputs: [codes],
    });
    return codes;
  }

  #dequantize(codes: string, to: string, { scaleName, zeroPointName }: ValueParameters): void {
    this.#c.graph.add({
      op: 'DequantizeLinear',
      name: to,
      inputs: [codes, scaleName, zeroPointName],
      outputs: [to],
    });
  }

  #dequantizeConstant(constant: DequantizedConstant, name: string): string {
    const out = this.#c.graph.freshName(`${name}_dequantized`);
    this.#c.graph.add({
      op: 'DequantizeLinear',
      name: out,
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
