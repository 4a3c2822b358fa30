import { formats, perTensor, type Scheme, type SchemeTemplate, schemeOf } from '../../../numerics/index.ts';

/** How activations and weights of a static lowering are stored. */
export interface StaticOptions {
  /** uint8 is what ONNX Runtime computes in on x86; 16 bits run in float there. */
  readonly activations: SchemeTemplate;
  readonly weights: SchemeTemplate;
  /**
   * Depthwise convolutions: 'int8' quantizes them like any other, 'float' leaves them. Default 'int8': with
   * AVX512-VNNI mobilenetv2 takes half the time of one with float depthwise layers. Time both elsewhere.
   */
  readonly depthwise?: 'int8' | 'float';
  /** Followers whose integer kernel is slower than the float one (AveragePool, Softmax). Default 'float'. */
  readonly slowKernels?: 'int8' | 'float';
}

/** uint8 activations with their own zero points, int8 weights per output channel. */
export const defaultStaticOptions: StaticOptions = {
  activations: { format: 'uint8', granularity: 'per-tensor', symmetric: false },
  weights: { format: 'int8', granularity: 'per-channel', symmetric: true },
};

/** Activations have one range per tensor. */
export function activationScheme({ activations }: StaticOptions): Scheme {
  return { ...schemeOf(activations, 0), granularity: perTensor };
}

/**
 * Scheme of a weight whose output channels lie along `axis`; undefined has one scale for the tensor. Per
 * channel is symmetric always: ONNX Runtime's QLinearConv wants one zero point for all channels.
 */
export function weightScheme({ weights }: StaticOptions, axis: number | undefined): Scheme {
  if (axis === undefined || weights.granularity === 'per-tensor') {
    return { ...schemeOf(weights, 0), granularity: perTensor };
  }
  return { ...schemeOf(weights, axis), symmetric: true };
}

/** Least opset of the lowered model: 13 brought DequantizeLinear per axis, 21 its 16-bit codes. */
export function staticOpset({ activations }: StaticOptions): number {
  return formats[activations.format].bits > 8 ? 21 : 13;
}
