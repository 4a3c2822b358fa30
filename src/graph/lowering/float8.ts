import type { SchemeTemplate } from '../../numerics/index.ts';
import type { Graph } from '../graph.ts';
import type { Model } from '../model.ts';
import type { Node } from '../node.ts';
import { lazyWeight, type Weight } from '../weight.ts';
import { scalarWeight } from './gemm-operands.ts';
import {
  type LoweringResult,
  type Magnitudes,
  magnitudesOf,
  type NodeFilter,
  type WeightQuantizer,
} from './lowering.ts';
import { requireOpset } from './require-opset.ts';
import { Rewrite } from './rewrite.ts';
import { constantIn } from './scope.ts';
import { lowerToStoredCodes, type StoredFormat } from './stored-codes.ts';

/** Format and form of float8 weights and activations. */
export interface Float8Options {
  readonly quantizer: WeightQuantizer;
  readonly filter?: NodeFilter;
  /** e4m3fn or e5m2; scales are per output channel. */
  readonly weights: SchemeTemplate;
  /** Measures activations on data; without it only weights are quantized. */
  readonly ranges?: Magnitudes;
  /**
   * How activations are rounded. `cast` (default): Mul, Cast, Cast, Mul, the same values, loads everywhere.
   * `qdq`: QuantizeLinear and DequantizeLinear, for compilers that look for them; ONNX Runtime loads that only
   * at optimization level 'basic' or below: beyond, it takes them for integers.
   */
  readonly form?: 'cast' | 'qdq';
}

/** Largest finite value and type of each format; `onnx` is what attributes call the type. */
const float8 = {
  e4m3fn: { largest: 448, dtype: 'float8e4m3fn', onnx: 17 },
  e5m2: { largest: 57344, dtype: 'float8e5m2', onnx: 19 },
} as const;

/** Operators whose float inputs are quantized: the first, and for products of two activations both. */
const operators: ReadonlySet<string> = new Set(['Conv', 'ConvTranspose', 'MatMul', 'Gemm']);
/** Operators of which only the weights are. */
const weightsOnly: ReadonlySet<string> = new Set(['LSTM', 'GRU', 'RNN']);

/** First opset of QuantizeLinear to float8. */
const OPSET = 19;

/**
 * 8-bit floats: weights as E4M3FN or E5M2 codes, activations rounded to them by their measured ranges (OCP
 * 8-bit floating point, arXiv 2209.05433). CPUs only simulate it. Both are written with Cast and Mul:
 * onnxruntime 1.30 rewrites float8 QuantizeLinear and DequantizeLinear around a product, a convolution or even
 * a Transpose to integer operators that refuse them, and then the model does not load.
 * The model is changed in place.
 */
export async function lowerFloat8(model: Model, options: Float8Options): Promise<LoweringResult> {
  await requireOpset(model, OPSET);
  const rewrite = new Rewrite(model, options.filter);
  const { weights, quantizer } = options;
  const ranges = await magnitudesOf(options.ranges, activationsOf(model.graph));
  const format = weights.format as StoredFormat & keyof typeof float8;
  const store = { rewrite, quantizer, format };
  const activations = new Activations(rewrite, format, options.form ?? 'cast', ranges);
  for (const { scope, node } of rewrite.nodes()) {
    const recurrent = weightsOnly.has(node.kind);
    if ((!recurrent && !operators.has(node.kind)) || !rewrite.allows(node)) continue;
    const second = rewrite.constant(scope, node.inputs[1]);
    if (second !== undefined) {
      const verdict = lowerToStoredCodes(store, scope, node);
      if (verdict !== true) {
        rewrite.keep(node, verdict);
        continue;
      }
    } else if (ranges === undefined) {
      rewrite.keep(node, 'both sides are activations, and their ranges were not measured');
      continue;
    }
    const inputs = recurrent ? [] : second === undefined ? [0, 1] : [0];
    for (const i of inputs) activations.quantize(scope.graph, node, i);
  }
  if (options.form === 'qdq' && ranges !== undefined) {
    rewrite.note(
      'ONNX Runtime loads this form only with graph optimization level basic or disabled: beyond, it takes every QuantizeLinear for integers.',
    );
  }
  rewrite.note('Float8 arithmetic is simulated on CPUs: the figures are those of float8, the speed is not.');
  return rewrite.finish();
}

/** Values of the outermost graph that products and convolutions read: bodies cannot be tapped. */
function activationsOf(graph: Graph): string[] {
  const readers = [...graph.nodes].filter((node) => operators.has(node.kind));
  const read = new Set(readers.flatMap((node) => node.inputs.slice(0, 2)));
  return [...read].filter((value) => constantIn({ graph }, value) === undefined);
}

/** Rounding to float8 behind values, once per value and graph. */
class Activations {
  readonly #rewrite: Rewrite;
  readonly #format: keyof typeof float8;
  readonly #form: 'cast' | 'qdq';
  readonly #ranges: ReadonlyMap<string, number> | undefined;

  constructor(
    rewrite: Rewrite,
    format: keyof typeof float8,
    form: 'cast' | 'qdq',
    ranges: ReadonlyMap<string, number> | undefined,
  ) {
    this.#rewrite = rewrite;
    this.#format = format;
    this.#form = form;
    this.#ranges = ranges;
  }

  quantize(graph: Graph, node: Node, input: number): void {
    const value = node.inputs[input]!;
    const range = this.#ranges?.get(value);
    if (range === undefined) return;
    const scale = range > 0 ? range / float8[this.#format].largest : 1;
    const rounded = this.#rewrite.onceFor(graph, `${value} float8`, () =>
      this.#form === 'qdq'
        ? this.#quantizeDequantize(graph, value, scale)
        : this.#castThere(graph, value, scale),
    );
    graph.setInput(node, input, rounded);
  }

  #quantizeDequantize(graph: Graph, value: string, scale: number): string {
    const { dtype } = float8[this.#format];
    const parameters = [
      this.#rewrite.addConstant(graph, `${value}_scale`, scalarWeight(scale)),
      this.#rewrite.addConstant(graph, `${value}_zero_point`, zeroCode(dtype)),
    ];
    const codes = this.#step(graph, 'QuantizeLinear', [value, ...parameters], `${value}_quantized`);
    return this.#step(graph, 'DequantizeLinear', [codes, ...parameters], `${value}_dequantized`);
  }

  #castThere(graph: Graph, value: string, scale: number): string {
    const down = this.#rewrite.addConstant(graph, `${value}_inverse_scale`, scalarWeight(1 / scale));
    const up = this.#rewrite.addConstant(graph, `${value}_scale`, scalarWeight(scale));
    const small = this.#step(graph, 'Mul', [value, down], `${value}_scaled`);
    const codes = this.#step(graph, 'Cast', [small], `${value}_quantized`, { to: float8[this.#format].onnx });
    const reals = this.#step(graph, 'Cast', [codes], `${value}_reals`, { to: 1 });
    return this.#step(graph, 'Mul', [reals, up], `${value}_dequantized`);
  }

  #step(graph: Graph, op: string, inputs: string[], output: string, attributes = {}): string {
    const name = this.#rewrite.fresh(output);
    graph.add({ op, name: this.#rewrite.fresh(`${output}_${op}`), inputs, outputs: [name], attributes });
    return name;
  }
}

const zeroCode = (dtype: 'float8e4m3fn' | 'float8e5m2'): Weight =>
  lazyWeight(dtype, [], async () => new Uint8Array(1));
