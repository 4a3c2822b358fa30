import { dataTypes } from '../../files/onnx/index.ts';
import { fail, float32 } from '../../tensor/index.ts';
import type { Graph } from '../graph.ts';
import type { Model } from '../model.ts';
import type { Node } from '../node.ts';
import { type Weight, weightOf } from '../weight.ts';
import { constantOf, numbersOf } from './constant.ts';
import { type Enclosing, everyGraph, type PassContext, type PassResult } from './pass.ts';
import { raiseOpset } from './raise-opset.ts';

/**
 * QONNX operators as standard ones, so that any runtime computes them:
 *
 *   Quant(x, s, z, b) = s · (round(clip(x / s + z, min, max)) - z)
 *
 * with min and max the bounds of b-bit integers, signed or not, narrow or not; BipolarQuant(x, s) is s where
 * x >= 0 and -s elsewhere; Trunc drops low bits. The operations are those of the definition, one float32
 * operator for each and in its order, so the results are the same to the last bit.
 * Source: the QONNX operator documents and their sample implementations (fastmachinelearning/qonnx).
 * Needs: bit widths that are constants. Everything else may be computed by the graph.
 *
 * @throws graph/not-lowered for QONNX operators that have no such form here (FloatQuant, MultiThreshold, ...)
 */
export async function lowerQonnx(model: Model, context: PassContext = {}): Promise<PassResult> {
  const domains = [...model.opsets.keys()].filter(isQonnx);
  const used = new Set<string>();
  await everyGraph(model, (graph) => {
    for (const node of graph.nodes) if (isQonnx(node.domain)) used.add(node.domain);
    return 0;
  });
  if (domains.length === 0 && used.size === 0) return { changes: 0, notes: [] };
  const notes: string[] = [];
  // Round came with 11, GreaterOrEqual with 12, and Sub, Mul, Div for all types with 13.
  if (used.size > 0 && model.opset < 13) notes.push(...(await raiseOpset(model, 13, context)).notes);
  const changes = await everyGraph(
    model,
    async (graph, enclosing) => {
      let lowered = 0;
      for (const node of [...graph.nodes]) {
        if (!isQonnx(node.domain)) continue;
        const lower = lowerings[node.op];
        if (lower === undefined) refuse(node, `lowbit lowers ${Object.keys(lowerings).join(', ')}`);
        graph.remove(node);
        await lower(new Builder(graph, enclosing, node));
        lowered++;
      }
      return lowered;
    },
    context.signal,
  );
  for (const domain of domains) model.opsets.delete(domain);
  return { changes: changes + domains.length, notes };
}

/** The domain had several names over the years. */
function isQonnx(domain: string): boolean {
  return domain === 'onnx.brevitas' || /^(qonnx|finn)\./.test(domain);
}

function refuse(node: Node, why: string): never {
  return fail('graph/not-lowered', { node: node.label, operator: node.kind, why });
}

type Lowering = (b: Builder) => Promise<void>;

const lowerings: Readonly<Record<string, Lowering>> = {
  Quant: lowerQuant,
  IntQuant: lowerQuant,
  BipolarQuant: lowerBipolarQuant,
  Trunc: lowerTrunc,
};

async function lowerQuant(b: Builder): Promise<void> {
  const [scale, zeroPoint] = [await b.operand(1), await b.operand(2)];
  const bits = await b.bitWidth(3);
  const signed = b.node.int('signed', 1) !== 0;
  const scaled = b.shift(b.scaleBy('Div', b.input(0), scale), 'Add', zeroPoint);
  const codes =
    signed && bits === 1
      ? b.signs(scaled)
      : b.round(b.clip(scaled, bits, signed, b.node.int('narrow', 0) !== 0), 'ROUND');
  b.finish(b.scaleBy('Mul', b.shift(codes, 'Sub', zeroPoint), scale));
}

async function lowerBipolarQuant(b: Builder): Promise<void> {
  b.finish(b.scaleBy('Mul', b.signs(b.input(0)), await b.operand(1)));
}

/** Version 1 keeps the scale and drops bits; version 2 has an output scale and clips to the output's range. */
async function lowerTrunc(b: Builder): Promise<void> {
  const version2 = b.node.inputs.length >= 6;
  const [scale, zeroPoint] = [await b.operand(1), await b.operand(2)];
  const whole = b.op('Round', b.shift(b.scaleBy('Div', b.input(0), scale), 'Add', zeroPoint));
  if (!version2) {
    const [bits, kept] = [await b.bitWidth(3), await b.bitWidth(4)];
    const step = b.constant('step', [], [2 ** (bits - kept)]);
    const codes = b.round(b.op('Div', whole, step), 'FLOOR');
    b.finish(b.scaleBy('Mul', b.shift(codes, 'Sub', zeroPoint), scale));
    return;
  }
  const outScale = await b.operand(4);
  const bits = await b.bitWidth(b.node.inputs.length - 1);
  const exponent = b.op('Div', b.op('Log', b.op('Div', outScale.name, scale.name)), b.scalar(Math.LN2));
  const step = b.op('Pow', b.scalar(2), b.op('Round', exponent));
  const signed = b.node.int('signed', 1) !== 0;
  const clipped = b.clip(b.op('Div', whole, step), bits, signed, b.node.int('narrow', 0) !== 0);
  const codes = b.round(clipped, 'FLOOR');
  const kept = zeroPoint.isAll(0) ? codes : b.op('Sub', codes, b.op('Div', zeroPoint.name, step));
  b.finish(b.scaleBy('Mul', kept, outScale));
}

/** A float32 parameter of the operator; `isAll` knows its numbers only when it is constant. */
interface Operand {
  readonly name: string;
  isAll(value: number): boolean;
}

/** Puts standard operators in the place of one QONNX node. */
class Builder {
  readonly graph: Graph;
  readonly node: Node;
  readonly #enclosing: Enclosing | undefined;
  #last: Node | undefined;

  constructor(graph: Graph, enclosing: Enclosing | undefined, node: Node) {
    this.graph = graph;
    this.#enclosing = enclosing;
    this.node = node;
  }

  input(index: number): string {
    const name = this.node.inputs[index] ?? '';
    return name !== '' ? name : refuse(this.node, `its input ${index} is missing`);
  }

  /** Adds one operator and gives its result's name. */
  op(op: string, ...inputs: readonly string[]): string {
    const output = this.graph.freshName(`${this.node.outputs[0]}/${op.toLowerCase()}`);
    this.#last = this.graph.add({ op, inputs, outputs: [output], name: output });
    return output;
  }

  constant(what: string, dims: readonly number[], values: readonly number[]): string {
    return this.graph.addConstant(`${this.node.outputs[0]}/${what}`, weightOf(float32(dims, values)));
  }

  scalar(value: number): string {
    return this.constant('constant', [], [value]);
  }

  /** The result takes the node's own name, and parameters that nobody reads any more go. Where no operator was needed, an Identity carries it. */
  finish(result: string): void {
    if (this.#last?.outputs[0] !== result) this.op('Identity', result);
    this.graph.setOutput(this.#last!, 0, this.node.outputs[0]!);
    this.#last!.name = this.node.name;
    for (const name of this.node.inputs.slice(1)) {
      const used =
        this.graph.consumers(name).size > 0 || this.graph.isInput(name) || this.graph.isOutput(name);
      if (!used) this.graph.initializers.delete(name);
    }
  }

  /** Exporters store zero points and bit widths as integers too. */
  async operand(index: number): Promise<Operand> {
    const name = this.input(index);
    const weight = this.#weight(name);
    if (weight === undefined) return { name: this.#cast(name), isAll: () => false };
    const values = await numbersOf(weight);
    const float = weight.dtype === 'float32' ? name : this.constant('parameter', weight.dims, values);
    // One that is also an input may be another number when the graph runs.
    return { name: float, isAll: (value) => !this.graph.isInput(name) && values.every((v) => v === value) };
  }

  /** One width for the whole tensor, as the definition wants it. */
  async bitWidth(index: number): Promise<number> {
    const weight = this.#weight(this.input(index));
    if (weight === undefined) return refuse(this.node, 'its bit width is computed by the graph');
    const bits = await numbersOf(weight);
    const bad = bits.find((n) => !Number.isInteger(n) || n < 1 || n > BIT_LIMIT);
    if (bad !== undefined)
      refuse(this.node, `its bit width is ${bad}, and not a whole number up to ${BIT_LIMIT}`);
    if (bits.some((n) => n !== bits[0])) refuse(this.node, 'its bit widths differ within the tensor');
    return bits[0] ?? refuse(this.node, 'its bit width is empty');
  }

  scaleBy(op: 'Mul' | 'Div', x: string, scale: Operand): string {
    return scale.isAll(1) ? x : this.op(op, x, scale.name);
  }

  shift(x: string, op: 'Add' | 'Sub', zeroPoint: Operand): string {
    return zeroPoint.isAll(0) ? x : this.op(op, x, zeroPoint.name);
  }

  clip(x: string, bits: number, signed: boolean, narrow: boolean): string {
    const min = signed ? -(2 ** (bits - 1)) + (narrow ? 1 : 0) : 0;
    const max = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - (narrow ? 2 : 1);
    return this.op('Clip', x, this.constant('min', [], [min]), this.constant('max', [], [max]));
  }

  /** 1 where x >= 0, -1 elsewhere. */
  signs(x: string): string {
    return this.op('Where', this.op('GreaterOrEqual', x, this.scalar(0)), this.scalar(1), this.scalar(-1));
  }

  round(x: string, fallback: string): string {
    const mode = this.node.string('rounding_mode', fallback).toUpperCase();
    const rounding = roundings[mode];
    if (rounding !== undefined) return rounding(this, x);
    return refuse(this.node, `its rounding mode is '${mode}'; known: ${Object.keys(roundings).join(', ')}`);
  }

  /** A parameter that the graph computes may be of any type. */
  #cast(name: string): string {
    const output = this.op('Cast', name);
    this.#last!.set('to', dataTypes.float32.number);
    return output;
  }

  #weight(name: string): Weight | undefined {
    const own = this.graph.initializers.get(name);
    if (own !== undefined && own.dtype !== 'string') return own;
    return constantOf(this.graph, this.#enclosing, name);
  }
}

/** Bounds beyond 24 bits are rounded to float32, as the definition does; biases have 32. */
const BIT_LIMIT = 64;

/** Away from zero, towards zero, and the halves so: on the magnitude, then the sign again. */
const onMagnitude = (change: (b: Builder, magnitude: string) => string) => (b: Builder, x: string) =>
  b.op('Mul', b.op('Sign', x), change(b, b.op('Abs', x)));

const roundings: Readonly<Record<string, (b: Builder, x: string) => string>> = {
  ROUND: (b, x) => b.op('Round', x),
  HALF_EVEN: (b, x) => b.op('Round', x),
  CEIL: (b, x) => b.op('Ceil', x),
  FLOOR: (b, x) => b.op('Floor', x),
  UP: onMagnitude((b, m) => b.op('Ceil', m)),
  DOWN: onMagnitude((b, m) => b.op('Floor', m)),
  HALF_UP: onMagnitude((b, m) => b.op('Floor', b.op('Add', m, b.scalar(0.5)))),
  HALF_DOWN: onMagnitude((b, m) => b.op('Ceil', b.op('Sub', m, b.scalar(0.5)))),
};
