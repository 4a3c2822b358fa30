import { formats, type SchemeTemplate } from '../../numerics/index.ts';
import type { Model } from '../model.ts';
import { lowerGatherRows } from './gather-rows.ts';
import type { LoweringResult, NodeFilter, WeightQuantizer } from './lowering.ts';
import { requireOpset } from './require-opset.ts';
import { Rewrite, type Rule } from './rewrite.ts';
import { lowerToStoredCodes, storedWeights } from './stored-codes.ts';
import { lowerToDequantizedMatMul } from './weight-only-dequantize.ts';
import { lowerToGatherBlockQuantized } from './weight-only-gather.ts';
import { lowerToMatMulNBits } from './weight-only-matmul.ts';

/** What weight-only quantization does to each kind of layer. */
export interface WeightOnlyOptions {
  readonly quantizer: WeightQuantizer;
  readonly filter?: NodeFilter;
  /** 2, 4 or 8 bits in groups along the inputs of a product, or int8/uint8 per channel or tensor. */
  readonly weights: SchemeTemplate;
  /** com.microsoft.MatMulNBits, or the standard DequantizeLinear + MatMul for other runtimes. */
  readonly carrier?: 'MatMulNBits' | 'DequantizeLinear';
  /** MatMulNBits: 4 computes in int8 (fast), 0 in the type of the activations. Default 4. */
  readonly accuracyLevel?: 0 | 1 | 2 | 3 | 4;
  /** Embedding tables: in blocks like the products (default), as int8 rows, or float. */
  readonly embeddings?: 'blocks' | 'int8' | 'float';
  /**
   * Convolutions and recurrent layers, which no operator computes from packed codes: int8 per channel that
   * the runtime expands when it loads, or float. Default: int8 with 8-bit weights, float below.
   */
  readonly others?: 'int8' | 'float';
}

/** What the rule of one operator works with. */
export interface WeightOnlyContext extends WeightOnlyOptions {
  readonly rewrite: Rewrite;
  /** Bits of one code. */
  readonly bits: 2 | 4 | 8;
}

export type WeightOnlyRule = Rule<WeightOnlyContext>;

const product: WeightOnlyRule = (context, scope, node) => {
  if (context.weights.granularity === 'per-group' && context.carrier !== 'DequantizeLinear') {
    return lowerToMatMulNBits(context, scope, node);
  }
  return lowerToDequantizedMatMul(context, scope, node);
};

const table: WeightOnlyRule = (context, scope, node) => {
  const { rewrite, weights, quantizer } = context;
  const inBlocks = weights.granularity === 'per-group' && context.carrier !== 'DequantizeLinear';
  const choice = context.embeddings ?? 'blocks';
  if (choice === 'blocks' && inBlocks) return lowerToGatherBlockQuantized(context, scope, node);
  return lowerGatherRows(rewrite, scope, node, quantizer, choice !== 'float');
};

const stored: WeightOnlyRule = (context, scope, node) => {
  const others = context.others ?? (context.bits === 8 ? 'int8' : 'float');
  return others === 'int8'
    ? lowerToStoredCodes({ ...context, format: 'int8' }, scope, node)
    : `there is no ${context.bits}-bit kernel for ${node.op}, only for products and embeddings`;
};

const rules: Readonly<Record<string, WeightOnlyRule>> = {
  ...Object.fromEntries(Object.keys(storedWeights).map((op) => [op, stored])),
  MatMul: product,
  Gemm: product,
  Gather: table,
};

/**
 * Weight-only quantization: codes in place of the weights, arithmetic in float (or, at accuracy level 4, in
 * int8 blocks inside the operator). Needs no calibration. The model is changed in place.
 */
export async function lowerWeightOnly(model: Model, options: WeightOnlyOptions): Promise<LoweringResult> {
  const { format } = options.weights;
  const bits = formats[format].bits as 2 | 4 | 8;
  await requireOpset(model, opsetOf(options, bits));
  const rewrite = new Rewrite(model, options.filter);
  const context = { ...options, rewrite, bits };
  noteSlowKernels(context);
  rewrite.apply(rules, context);
  return rewrite.finish();
}

/** DequantizeLinear reads channels from opset 13, blocks from 21 and 2-bit codes from 25 on. */
function opsetOf({ weights, carrier }: WeightOnlyOptions, bits: number): number {
  if (weights.granularity !== 'per-group' || carrier !== 'DequantizeLinear') return 13;
  return bits === 2 ? 25 : 21;
}

/** Forms that onnxruntime 1.30 computes far slower than float, measured on x64. */
function noteSlowKernels({ rewrite, weights, carrier, bits, accuracyLevel = 4 }: WeightOnlyContext): void {
  if (weights.granularity !== 'per-group' || carrier === 'DequantizeLinear') return;
  if (bits !== 4 && accuracyLevel !== 4) {
    rewrite.note(
      `${bits}-bit products at accuracy level ${accuracyLevel} run up to 20 times slower than float; level 4 is fast.`,
    );
  } else if (bits === 2 && weights.blockSize === 16) {
    rewrite.note(
      '2-bit products in blocks of 16 run up to 15 times slower than float; blocks of 64 are fast.',
    );
  }
}
