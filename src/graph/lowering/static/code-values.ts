import { formats } from '../../../numerics/index.ts';
import type { Tensor } from '../../../tensor/index.ts';
import { weightOf } from '../../weight.ts';
import type { EmitContext, ValueParameters } from './apply.ts';

/** Codes of values and the conversions to and from them: what both forms build on. */
export class CodeValues {
  readonly #c: EmitContext;

  constructor(context: EmitContext) {
    this.#c = context;
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
    const codes = this.quantize(value, value);
    this.note(value, codes);
    return codes;
  }

  /** Codes of `from` with the parameters of `value`. */
  quantize(from: string, value: string): string {
    const { scaleName, zeroPointName } = this.parameters(value);
    const codes = this.#c.graph.freshName(`${value}_codes`);
    this.#c.graph.add({
      op: 'QuantizeLinear',
      name: codes,
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
      name: to,
      inputs: [codes, scaleName, zeroPointName],
      outputs: [to],
    });
  }

  /** Cuts codes to a clamp's. */
  cut(codes: string, value: string, clamp: { readonly min: number; readonly max: number }): string {
    const { graph } = this.#c;
    const bounds = (['min', 'max'] as const).map((name) => this.scalar(`${value}_${name}`, clamp[name]));
    const output = graph.freshName(`${value}_clamped`);
    graph.add({ op: 'Clip', name: output, inputs: [codes, ...bounds], outputs: [output] });
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
