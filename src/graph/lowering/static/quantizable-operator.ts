import type { Node } from '../../node.ts';
import type { RowContext } from './conditions.ts';

/** One row of the table `operators`: what static quantization must know about an operator. */
export interface QuantizableOperator {
  /**
   * anchor: heavy work, pays for conversions around it. follower: light, joins integer neighbours.
   * passThrough: moves or selects codes; output and input share scale and zero point. clamp: the same,
   * cut to bounds; melts into the producer's range where it can. none: stays float.
   */
  readonly role: 'anchor' | 'follower' | 'passThrough' | 'clamp' | 'none';
  /** What each input is. `rest` for variadic ones. Inputs without a role are read as they are. */
  readonly inputs: readonly InputRole[];
  readonly rest?: InputRole;
  /** Axis of the output channels of the weight; undefined where it may have one scale only. */
  readonly weightAxis?: (node: Node, rank: number) => number | undefined;
  /** The output's range is known beforehand: sigmoid and softmax fill [0, 1). */
  readonly fixedRange?: 'unit';
  /** May give floats: the kernel with float output. */
  readonly floatOutput?: string;
  /** The kernel's saturation can stand for a Relu or Clip behind it. */
  readonly absorbsClamp?: true;
  /** Works on the codes itself: written so in QDQ form too (uint8 only), because nothing fuses it. */
  readonly onCodes?: true;
  /**
   * Gives fewer values than it takes: quantized only where codes arrive anyway. Quantizing before it costs more,
   * and what it drops (a mask of -1e9 before a maximum) would spoil the range.
   */
  readonly narrows?: true;
  /** How the integer operator takes its operands (see emit-qoperator.ts); pass-through ones stay what they are. */
  readonly operands?: 'conv' | 'gemm' | 'matmul' | 'all' | 'concat';
  /** The optimized graph's operator for a QDQ node, by activation format; undefined: it runs in float. */
  readonly kernel: Kernels;
  /**
   * Its integer kernel is slower than its float one, conversions included (measured): stays float unless
   * `StaticOptions.slowKernels` says otherwise.
   */
  readonly slow?: true;
  /** True, or why this node stays float. */
  readonly accepts?: (node: Node, context: RowContext) => true | string;
  /** Role none: why. */
  readonly why?: string;
}

export type InputRole = 'activation' | 'weight' | 'bias' | 'parameter';

export interface Kernels {
  readonly uint8: string | undefined;
  readonly int8: string | undefined;
}
