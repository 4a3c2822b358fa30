import {
  type Codes,
  formats,
  type QuantizedTensor,
  type Scheme,
  scaleDims,
  toFloat32,
} from '../../../numerics/index.ts';
import { bytesOf, elementCount, type Tensor, tensor } from '../../../tensor/index.ts';
import type { Graph } from '../../graph.ts';
import type { Node } from '../../node.ts';
import { lazyWeight, loadWeight, type Weight, weightOf } from '../../weight.ts';
import type { QuantizedWeightRecord, WeightQuantizer } from '../lowering.ts';

/** A constant that became codes: names of its initializers, and the scales a bias needs. */
export interface QuantizedConstant {
  readonly codes: string;
  readonly scale: string;
  readonly zeroPoint: string;
  /** undefined: one scale for the tensor. */
  readonly axis: number | undefined;
  /** [channels] or [1]. */
  readonly scales: Float32Array;
}

/**
 * Room for the products of an int32 accumulator: codes of a bias stay below 2^31 - K * 255 * 128 for K terms,
 * so that bias plus sum cannot wrap around.
 */
const PRODUCT = 255 * 128;
const INT32_MAX = 2 ** 31 - 1;
/** Channels whose weights are all 0 have only their bias: 24 bits hold a float32's digits. */
const DEAD_CHANNEL_BIAS_CODES = 2 ** 24;

interface WeightRequest {
  readonly node: Node;
  /** Input index of the weight. */
  readonly index: number;
  readonly scheme: Scheme;
  /** Multiplies the weight (alpha of Gemm). */
  readonly factor: number;
  /** Scale of the activation it meets and the bias that is added, per channel: they bound the scale from below. */
  readonly meets?: { readonly scale: number; readonly bias: Float32Array };
}

/** Quantizes weights and biases of one graph; what two nodes share is stored once. */
export class ConstantStore {
  readonly records: QuantizedWeightRecord[] = [];
  readonly #graph: Graph;
  readonly #quantize: WeightQuantizer;
  readonly #done = new Map<string, QuantizedConstant>();
  readonly #zeroPoints = new Map<string, string>();
  /** By the weight that a zero point was first stored for: shared ones are counted once. */
  readonly #zeroPointBytes = new Map<string, number>();

  constructor(graph: Graph, quantize: WeightQuantizer) {
    this.#graph = graph;
    this.#quantize = quantize;
  }

  async weight(request: WeightRequest): Promise<QuantizedConstant> {
    const { node, index, scheme, factor, meets } = request;
    const name = node.inputs[index]!;
    const weight = this.#graph.constant(name)!;
    const { granularity } = scheme;
    const axis = granularity.kind === 'per-channel' ? granularity.axis : undefined;
    const key = JSON.stringify([name, axis, factor]);
    const before = this.#done.get(key);
    if (
      before &&
      !(meets && scaleFloors(before.scales, meets, weight, axis).some((s, i) => s > before.scales[i]!))
    )
      return before;

    const scaled = factor === 1 ? weight : scaledWeight(weight, factor);
    let q = await this.#quantize({ name, node, weight: scaled, scheme });
    if (meets) q = await raiseScales(q, scaled, meets, axis);
    const stored = this.#store(name, q, axis);
    this.#done.set(key, stored);
    this.#record(name, node, weight, q, axis);
    return stored;
  }

  /** int32 codes of a bias, scale = s_x * s_w. Returns the names of codes and scale. */
  bias(name: string, bias: Float32Array, inputScale: number, weight: QuantizedConstant) {
    const channels = weight.axis === undefined ? 1 : weight.scales.length;
    const scales = new Float32Array(channels);
    for (let c = 0; c < channels; c++) scales[c] = inputScale * weight.scales[c]!;
    const codes = new Int32Array(bias.length);
    for (let i = 0; i < bias.length; i++) {
      const code = Math.round(bias[i]! / scales[channels === 1 ? 0 : i]!);
      codes[i] = Math.max(-INT32_MAX, Math.min(INT32_MAX, code));
    }
    const perChannel = weight.axis !== undefined;
    return {
      codes: this.#graph.addConstant(`${name}_codes`, weightOf(tensor('int32', [codes.length], codes))),
      scale: this.#graph.addConstant(
        `${name}_scale`,
        weightOf(tensor('float32', perChannel ? [channels] : [], scales)),
      ),
      axis: perChannel ? 0 : undefined,
    };
  }

  #store(name: string, q: QuantizedTensor, axis: number | undefined): QuantizedConstant {
    const { dtype, symmetricZero, createCodes } = formats[q.scheme.format];
    const dims = axis === undefined ? [] : [q.scale.length];
    const integers = (d: readonly number[], data: Codes) =>
      weightOf({ dtype, dims: d, data } as Tensor<'int8'>);
    // Symmetric zero points are all alike: weights of as many channels share one constant.
    const key = `${dtype} [${dims}]`;
    let zeroPoint = q.zeroPoint ? undefined : this.#zeroPoints.get(key);
    if (zeroPoint === undefined) {
      const zero = q.zeroPoint ?? createCodes(q.scale.length).fill(symmetricZero);
      zeroPoint = this.#graph.addConstant(`${name}_zero_point`, integers(dims, zero));
      if (q.zeroPoint === undefined) this.#zeroPoints.set(key, zeroPoint);
      this.#zeroPointBytes.set(name, zero.byteLength);
    }
    return {
      codes: this.#graph.addConstant(`${name}_codes`, integers(q.dims, q.codes)),
      scale: this.#graph.addConstant(`${name}_scale`, weightOf(tensor('float32', dims, q.scale))),
      zeroPoint,
      axis,
      scales: q.scale,
    };
  }

  #record(name: string, node: Node, weight: Weight, q: QuantizedTensor, axis: number | undefined): void {
    this.records.push({
      name,
      node: node.name || node.outputs[0]!,
      op: node.kind,
      format: q.scheme.format,
      granularity: axis === undefined ? 'per-tensor' : `per-channel(${axis})`,
      values: elementCount(weight.dims),
      floatBytes: weight.byteLength,
      codeBytes: q.codes.byteLength,
      scaleBytes: q.scale.byteLength,
      zeroPointBytes: this.#zeroPointBytes.get(name) ?? 0,
    });
  }
}

/**
 * Least scale of each channel (or of the tensor) so that the bias fits into int32 beside the products. A
 * channel of weights near 0 has a tiny scale, and a usual bias over it overflows: the field's known trap.
 */
function scaleFloors(
  scales: Float32Array,
  meets: { readonly scale: number; readonly bias: Float32Array },
  weight: Weight,
  axis: number | undefined,
): Float32Array {
  const outputs = axis === undefined ? meets.bias.length : scales.length;
  const terms = elementCount(weight.dims) / Math.max(1, outputs);
  const room = Math.max(2 ** 24, INT32_MAX - terms * PRODUCT);
  const floors = new Float32Array(scales.length);
  for (let i = 0; i < meets.bias.length; i++) {
    const at = axis === undefined ? 0 : i;
    // The next float32 up: rounding to nearest must not land below.
    floors[at] = Math.max(floors[at]!, (Math.abs(meets.bias[i]!) / (meets.scale * room)) * (1 + 2 ** -23));
  }
  return floors;
}

/** Raises the scales of channels that the bias asks to, and rounds their weights again. */
async function raiseScales(
  q: QuantizedTensor,
  weight: Weight,
  meets: { readonly scale: number; readonly bias: Float32Array },
  axis: number | undefined,
): Promise<QuantizedTensor> {
  const zeroOf = (c: number) => q.zeroPoint?.[c] ?? formats[q.scheme.format].symmetricZero;
  const scale = q.scale.slice();
  const floors = scaleFloors(q.scale, meets, weight, axis);
  const raised = new Set<number>();
  const channelOf = channelIndex(q.dims, axis);
  const alive = new Uint8Array(scale.length);
  for (let i = 0; i < q.codes.length; i++) if (q.codes[i] !== zeroOf(channelOf(i))) alive[channelOf(i)] = 1;
  for (let c = 0; c < scale.length; c++) {
    if (alive[c] === 0) {
      const bias =
        axis === undefined
          ? meets.bias.reduce((a, b) => Math.max(a, Math.abs(b)), 0)
          : Math.abs(meets.bias[c]!);
      // Only the bias is left: a fine scale for it, and never one that float32 cannot hold.
      scale[c] = bias === 0 ? 1 : Math.max(bias / (meets.scale * DEAD_CHANNEL_BIAS_CODES), 2 ** -100);
    } else if (floors[c]! > scale[c]!) {
      scale[c] = floors[c]!;
      raised.add(c);
    }
  }
  if (raised.size === 0) return { ...q, scale };
  const values = toFloat32(await loadWeight(weight));
  const codes = q.codes.slice();
  for (let i = 0; i < codes.length; i++) {
    const c = channelOf(i);
    if (raised.has(c)) codes[i] = zeroOf(c) + Math.round(values[i]! / scale[c]!);
  }
  return { ...q, scale, codes };
}

/** Which scale an element belongs to. */
function channelIndex(dims: readonly number[], axis: number | undefined): (i: number) => number {
  if (axis === undefined) return () => 0;
  const inner = elementCount(dims.slice(axis + 1));
  const channels = scaleDims({ kind: 'per-channel', axis }, dims)[0]!;
  return (i) => Math.floor(i / inner) % channels;
}

function scaledWeight(weight: Weight, factor: number): Weight {
  return lazyWeight('float32', weight.dims, async () => {
    const values = toFloat32(await loadWeight(weight)).map((x) => x * factor);
    return bytesOf(tensor('float32', weight.dims, values));
  });
}
