import { type Scheme, type SchemeTemplate, schemeOf } from '../../numerics/index.ts';
import type { Graph } from '../graph.ts';
import type { Model } from '../model.ts';
import { lowerConvDynamic } from './dynamic-conv.ts';
import { lowerLstmDynamic } from './dynamic-lstm.ts';
import { lowerGemmDynamic, lowerMatMulDynamic } from './dynamic-matmul.ts';
import { lowerGatherRows } from './gather-rows.ts';
import type { LoweringResult, NodeFilter, WeightQuantizer } from './lowering.ts';
import { requireOpset } from './require-opset.ts';
import { Rewrite, type Rule } from './rewrite.ts';
import type { Scope } from './scope.ts';
import { lowerToStoredCodes } from './stored-codes.ts';

/** What dynamic quantization does to each kind of layer. */
export interface DynamicOptions {
  readonly quantizer: WeightQuantizer;
  readonly filter?: NodeFilter;
  /**
   * How weights are stored: int8 or uint8, per tensor or per output channel. Activations are uint8, as
   * DynamicQuantizeLinear makes them. `reduced` (7 bits) is for CPUs whose u8*s8 products saturate.
   */
  readonly weights: SchemeTemplate;
  /**
   * Convolutions: int8 weights that become float when the model is loaded (default), or ConvInteger, which
   * onnxruntime 1.30 runs at 0.4-1.1 times the speed of float on whole networks, or float.
   */
  readonly conv?: 'stored' | 'integer' | 'float';
  /** GRU, RNN and ConvTranspose, which have no integer kernel: int8 weights as above (default), or float. */
  readonly others?: 'stored' | 'float';
  /** LSTMs become com.microsoft.DynamicQuantizeLSTM. Default true. */
  readonly recurrent?: boolean;
  /** Embedding tables are gathered as int8 rows. Default true. */
  readonly embeddings?: boolean;
}

/** A value quantized at run time. */
export interface DynamicInput {
  readonly codes: string;
  readonly scale: string;
  readonly zeroPoint: string;
}

/** What the rule of one operator works with. */
export interface DynamicContext {
  readonly rewrite: Rewrite;
  readonly options: DynamicOptions;
  /** Scheme of a weight whose output channels lie on `axis`; undefined axis: one scale. */
  scheme(axis: number | undefined): Scheme;
  /** The value quantized to uint8 by the range it has at run time; shared by all who read it in this graph. */
  quantizeInput(scope: Scope, value: string): DynamicInput;
}

export type DynamicRule = Rule<DynamicContext>;

/** First opset of DynamicQuantizeLinear. */
const OPSET = 11;

const stored: DynamicRule = ({ rewrite, options }, scope, node) => {
  if ((node.kind === 'Conv' ? options.conv : options.others) === 'float') {
    return `there is no integer kernel for ${node.op} that is faster than float`;
  }
  return lowerToStoredCodes({ rewrite, quantizer: options.quantizer, format: 'int8' }, scope, node);
};

const conv: DynamicRule = (context, scope, node) =>
  context.options.conv === 'integer' ? lowerConvDynamic(context, scope, node) : stored(context, scope, node);

/** What each operator with weights becomes. */
const rules: Readonly<Record<string, DynamicRule>> = {
  MatMul: lowerMatMulDynamic,
  Gemm: lowerGemmDynamic,
  Conv: conv,
  LSTM: lowerLstmDynamic,
  Gather: ({ rewrite, options }, scope, node) =>
    lowerGatherRows(rewrite, scope, node, options.quantizer, options.embeddings ?? true),
  ConvTranspose: stored,
  GRU: stored,
  RNN: stored,
};

/**
 * Dynamic int8: weights become 8-bit codes now, activations are quantized at run time by the range they have.
 * DynamicQuantizeLinear + MatMulInteger + Cast + Mul is the standard form; ONNX Runtime fuses it to
 * DynamicQuantizeMatMul, or to MatMulIntegerToFloat where several products share one quantized input.
 * Needs no calibration. The model is changed in place.
 */
export async function lowerDynamic(model: Model, options: DynamicOptions): Promise<LoweringResult> {
  await requireOpset(model, OPSET);
  const rewrite = new Rewrite(model, options.filter);
  const context = dynamicContext(rewrite, options);
  rewrite.apply(rules, context);
  return rewrite.finish();
}

function dynamicContext(rewrite: Rewrite, options: DynamicOptions): DynamicContext {
  const inputs = new Map<Graph, Map<string, DynamicInput>>();
  return {
    rewrite,
    options,
    scheme: (axis) =>
      schemeOf(
        axis === undefined ? { ...options.weights, granularity: 'per-tensor' } : options.weights,
        axis ?? 0,
      ),
    quantizeInput({ graph }, value) {
      let known = inputs.get(graph);
      if (known === undefined) inputs.set(graph, (known = new Map()));
      let input = known.get(value);
      if (input === undefined) {
        input = {
          codes: rewrite.fresh(`${value}_quantized`),
          scale: rewrite.fresh(`${value}_scale`),
          zeroPoint: rewrite.fresh(`${value}_zero_point`),
        };
        known.set(value, input);
        graph.add({
          op: 'DynamicQuantizeLinear',
          name: rewrite.fresh(`${value}_DynamicQuantizeLinear`),
          inputs: [value],
          outputs: [input.codes, input.scale, input.zeroPoint],
        });
      }
      return input;
    },
  };
}
