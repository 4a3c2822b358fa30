import type { FormatName } from './formats/formats.ts';
import { perChannel, perGroup, perTensor } from './granularity.ts';
import type { RangeChoice, Scheme } from './scheme.ts';
import type { SchemeRequest } from './scheme-text.ts';

/** A scheme before a tensor is known: the axis is the operator's business. */
export interface SchemeTemplate extends RangeChoice {
  readonly format: FormatName;
  readonly granularity: 'per-tensor' | 'per-channel' | 'per-group';
  /** Per group: values that share a scale. */
  readonly blockSize?: number;
}

/**
 * What a preset does to a model.
 * static: activations and weights are integers, ranges come from calibration data.
 * dynamic: weights are integers, activations become integers while the model runs.
 * weight-only: weights are integers, arithmetic stays float.
 * float: tensors are stored (and, where the runtime can, computed) in a 16-bit float.
 * fp8: like static, with 8-bit floats.
 * scheme: weights are stored in any number format, arithmetic stays float. No row: made from the text of a scheme.
 */
export type PresetKind = 'static' | 'dynamic' | 'weight-only' | 'float' | 'fp8' | 'scheme';

/** What a name such as q4 stands for. */
export interface Preset {
  readonly kind: PresetKind;
  /** One sentence for `--help` and the report. */
  readonly description: string;
  /** Static and fp8: how activations are stored. */
  readonly activations?: SchemeTemplate;
  /** How weights are stored; for `float`, everything. */
  readonly weights: SchemeTemplate;
  /** Scheme: all that is said of the weights. */
  readonly scheme?: SchemeRequest;
  /** Weight-only: how the weight is bound: a blockwise integer operator, or DequantizeLinear before the float one. */
  readonly carrier?: 'MatMulNBits' | 'DequantizeLinear';
  /** The type that everything else is stored in; float32 when absent. */
  readonly rest?: 'float16' | 'bfloat16';
  /** transformers.js looks for onnx/model<suffix>.onnx; undefined when it has no name for this preset. */
  readonly transformersJs?: { readonly dtype: string; readonly suffix: string };
  /** True when activation ranges must be measured on data. */
  readonly needsCalibration: boolean;
  /** Static forms that can hold it; QOperator has no 16-bit and no float8 operators. */
  readonly forms?: readonly ('qdq' | 'qoperator')[];
}

const activation = (format: FormatName, symmetric: boolean): SchemeTemplate => ({
  format,
  granularity: 'per-tensor',
  symmetric,
});
const weight = (format: FormatName): SchemeTemplate => ({
  format,
  granularity: 'per-channel',
  symmetric: true,
});
const blocks = (
  format: FormatName,
  blockSize: number,
  symmetric: boolean,
  scaleType: RangeChoice['scaleType'] = 'float32',
): SchemeTemplate => ({ format, granularity: 'per-group', blockSize, symmetric, scaleType });

const either = ['qdq', 'qoperator'] as const;
const onlyQdq = ['qdq'] as const;

/** Named scheme sets, in the ecosystem's own names. Pure data: the pipeline reads it, nothing asks for a name. */
export const presets = {
  int8: {
    kind: 'static',
    description: 'Integers throughout: uint8 activations from calibration, int8 weights per channel.',
    // uint8 x int8 is the pair with the fastest kernels on x64; on ARM it is no slower.
    activations: activation('uint8', false),
    weights: weight('int8'),
    transformersJs: { dtype: 'int8', suffix: '_int8' },
    needsCalibration: true,
    forms: either,
  },
  'int8-s8s8': {
    kind: 'static',
    description: 'Integers throughout, signed on both sides: for accelerators without uint8.',
    activations: activation('int8', false),
    weights: weight('int8'),
    transformersJs: { dtype: 'int8', suffix: '_int8' },
    needsCalibration: true,
    forms: either,
  },
  'uint8-static': {
    kind: 'static',
    description: 'Integers throughout: uint8 activations from calibration, uint8 weights with zero points.',
    activations: activation('uint8', false),
    weights: { format: 'uint8', granularity: 'per-channel', symmetric: false },
    transformersJs: { dtype: 'uint8', suffix: '_uint8' },
    needsCalibration: true,
    forms: either,
  },
  'int8-a16': {
    kind: 'static',
    description: '16-bit activations from calibration, int8 weights per channel; simulated in float on CPUs.',
    activations: activation('uint16', false),
    weights: weight('int8'),
    needsCalibration: true,
    forms: onlyQdq,
  },
  'int8-dynamic': {
    kind: 'dynamic',
    description: 'int8 weights; activations become uint8 while the model runs. Needs no data.',
    weights: weight('int8'),
    transformersJs: { dtype: 'int8', suffix: '_int8' },
    needsCalibration: false,
  },
  uint8: {
    kind: 'dynamic',
    description: 'uint8 weights; activations become uint8 while the model runs. Needs no data.',
    weights: { format: 'uint8', granularity: 'per-tensor', symmetric: false },
    transformersJs: { dtype: 'uint8', suffix: '_uint8' },
    needsCalibration: false,
  },
  q8: {
    kind: 'dynamic',
    description:
      "transformers.js's default 8 bits: int8 weights, activations quantized while the model runs.",
    weights: weight('int8'),
    transformersJs: { dtype: 'q8', suffix: '_quantized' },
    needsCalibration: false,
  },
  'int8-weights': {
    kind: 'weight-only',
    description: 'int8 weights per channel behind DequantizeLinear; arithmetic stays float.',
    weights: weight('int8'),
    carrier: 'DequantizeLinear',
    needsCalibration: false,
  },
  'q8-weights': {
    kind: 'weight-only',
    description: '8-bit weights in blocks of 64 (MatMulNBits); arithmetic stays float.',
    weights: blocks('uint8', 64, true),
    carrier: 'MatMulNBits',
    needsCalibration: false,
  },
  q4: {
    kind: 'weight-only',
    description: '4-bit weights in blocks of 32 (MatMulNBits); arithmetic stays float.',
    weights: blocks('uint4', 32, false),
    carrier: 'MatMulNBits',
    transformersJs: { dtype: 'q4', suffix: '_q4' },
    needsCalibration: false,
  },
  q4f16: {
    kind: 'weight-only',
    description: '4-bit weights in blocks of 32 (MatMulNBits), everything else in 16-bit floats.',
    weights: blocks('uint4', 32, false, 'float16'),
    carrier: 'MatMulNBits',
    rest: 'float16',
    transformersJs: { dtype: 'q4f16', suffix: '_q4f16' },
    needsCalibration: false,
  },
  q2: {
    kind: 'weight-only',
    // Blocks of 64: of 32 the runtime's 2-bit kernel is slower than float at batches.
    description: '2-bit weights in blocks of 64 (MatMulNBits): only for layers that bear it.',
    weights: blocks('uint2', 64, false),
    carrier: 'MatMulNBits',
    transformersJs: { dtype: 'q2', suffix: '_q2' },
    needsCalibration: false,
  },
  q2f16: {
    kind: 'weight-only',
    description: '2-bit weights in blocks of 64 (MatMulNBits), everything else in 16-bit floats.',
    weights: blocks('uint2', 64, false, 'float16'),
    carrier: 'MatMulNBits',
    rest: 'float16',
    transformersJs: { dtype: 'q2f16', suffix: '_q2f16' },
    needsCalibration: false,
  },
  fp16: {
    kind: 'float',
    description: '16-bit floats, half the size; operators that would overflow stay float32.',
    weights: { format: 'float16', granularity: 'per-tensor', symmetric: true },
    rest: 'float16',
    transformersJs: { dtype: 'fp16', suffix: '_fp16' },
    needsCalibration: false,
  },
  bf16: {
    kind: 'float',
    description: 'bfloat16 storage, half the size, the range of float32; arithmetic stays float32 on CPUs.',
    weights: { format: 'bfloat16', granularity: 'per-tensor', symmetric: true },
    rest: 'bfloat16',
    needsCalibration: false,
  },
  'fp8-e4m3': {
    kind: 'fp8',
    description: '8-bit floats (E4M3) for activations and weights; simulated on CPUs.',
    activations: activation('e4m3fn', true),
    weights: weight('e4m3fn'),
    needsCalibration: true,
    forms: onlyQdq,
  },
  'fp8-e5m2': {
    kind: 'fp8',
    description:
      '8-bit floats (E5M2: wider range, coarser steps) for activations and weights; simulated on CPUs.',
    activations: activation('e5m2', true),
    weights: weight('e5m2'),
    needsCalibration: true,
    forms: onlyQdq,
  },
} as const satisfies Record<string, Preset>;

/** A row of `presets`. */
export type PresetName = keyof typeof presets;

/** The scheme of a tensor whose channels or groups lie along `axis`. */
export function schemeOf(template: SchemeTemplate, axis: number): Scheme {
  const { granularity, blockSize = 32, ...rest } = template;
  return {
    ...rest,
    granularity: {
      'per-tensor': perTensor,
      'per-channel': perChannel(axis),
      'per-group': perGroup(axis, blockSize),
    }[granularity],
  };
}
