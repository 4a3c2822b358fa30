import { decodeBfloat16, decodeFloat16, encodeBfloat16, encodeFloat16 } from '../numerics/index.ts';
import { type DType, dtypes, type Tensor } from '../tensor/index.ts';
import type { RowArray, RowDType } from './rows.ts';

/** Fed value = (stored * scale - mean) / std; mean and std per channel or one for all. */
export interface Normalisation {
  readonly scale: number | { readonly divisor: number };
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** How stored pictures become fed ones: element [h, w, c] or [c, h, w] on both sides. */
export interface Rearrangement {
  readonly channels: number;
  readonly pixels: number;
  readonly from: 'NHWC' | 'NCHW';
  readonly to: 'NHWC' | 'NCHW';
  /** RGB to BGR: the first and the third channel change places. */
  readonly reverseChannels: boolean;
}

export interface FeedPlan {
  readonly stored: RowDType;
  readonly wanted: DType;
  readonly normalisation?: Normalisation;
  readonly rearrangement?: Rearrangement;
}

/** Why elements of `stored` cannot feed an input of `wanted`, or undefined when they can. */
export function whyNotFed(stored: RowDType, wanted: DType, normalised: boolean): string | undefined {
  const kind = dtypes[wanted].kind;
  if (!(wanted in toWanted)) return `${wanted} cannot be fed from a file`;
  if (kind === 'float') return undefined;
  if (dtypes[stored].kind === 'float') return `${stored} would be rounded to ${wanted}`;
  return normalised ? `"scale", "mean" and "std" want a float input, not ${wanted}` : undefined;
}

type Maker = (values: ArrayLike<number> | ArrayLike<bigint>) => Tensor['data'];

const asNumbers = (v: ArrayLike<number> | ArrayLike<bigint>) =>
  typeof v[0] === 'bigint' ? Float64Array.from(v as ArrayLike<bigint>, Number) : (v as ArrayLike<number>);
const asBigints = (v: ArrayLike<number> | ArrayLike<bigint>): ArrayLike<bigint> =>
  typeof v[0] === 'bigint' ? (v as ArrayLike<bigint>) : Array.from(v as ArrayLike<number>, BigInt);
const asFloats = (v: ArrayLike<number> | ArrayLike<bigint>) =>
  v instanceof Float32Array ? v : Float32Array.from(asNumbers(v));

/** Element types a model input may have, and how its array is made. */
const toWanted: Partial<Record<DType, Maker>> = {
  float32: asFloats,
  float64: (v) => Float64Array.from(asNumbers(v)),
  float16: (v) => encodeFloat16(asFloats(v)),
  bfloat16: (v) => encodeBfloat16(asFloats(v)),
  int8: (v) => Int8Array.from(asNumbers(v)),
  uint8: (v) => Uint8Array.from(asNumbers(v)),
  int16: (v) => Int16Array.from(asNumbers(v)),
  uint16: (v) => Uint16Array.from(asNumbers(v)),
  int32: (v) => Int32Array.from(asNumbers(v)),
  uint32: (v) => Uint32Array.from(asNumbers(v)),
  int64: (v) => BigInt64Array.from(asBigints(v)),
  uint64: (v) => BigUint64Array.from(asBigints(v)),
  bool: (v) => Uint8Array.from(asNumbers(v), (x) => (x === 0 ? 0 : 1)),
};

/** 16-bit floats are widened before anything is computed with them. */
const widen: Partial<Record<RowDType, (data: RowArray) => RowArray>> = {
  float16: (data) => decodeFloat16(data as Uint16Array),
  bfloat16: (data) => decodeBfloat16(data as Uint16Array),
};

/** The array that feeds an input, from rows as stored. */
export function toFed(plan: FeedPlan, stored: RowArray): Tensor['data'] {
  const { normalisation, rearrangement, wanted } = plan;
  const data = widen[plan.stored]?.(stored) ?? stored;
  const values =
    normalisation !== undefined || rearrangement !== undefined
      ? arrange(asNumbers(data), plan.stored === 'uint8', normalisation, rearrangement)
      : data;
  return toWanted[wanted]!(values);
}

/** Array of `length` elements that are all `value`. */
export function filled(wanted: DType, length: number, value: number): Tensor['data'] {
  return toWanted[wanted]!(new Float64Array(length).fill(value));
}

function arrange(
  data: ArrayLike<number>,
  bytes: boolean,
  normalisation: Normalisation | undefined,
  rearrangement: Rearrangement | undefined,
): Float32Array {
  const { channels, pixels, from, to, reverseChannels } = rearrangement ?? {
    channels: 1,
    pixels: data.length,
    from: 'NCHW' as const,
    to: 'NCHW' as const,
    reverseChannels: false,
  };
  const out = new Float32Array(data.length);
  const [fromChannel, fromPixel] = from === 'NHWC' ? [1, channels] : [pixels, 1];
  const [toChannel, toPixel] = to === 'NHWC' ? [1, channels] : [pixels, 1];
  const row = channels * pixels;
  for (let c = 0; c < channels; c++) {
    const convert = converter(normalisation, c);
    // A byte has 256 values: one table per channel instead of three operations per pixel.
    const table = bytes ? Float32Array.from({ length: 256 }, (_, v) => convert(v)) : undefined;
    const source = reverseChannels && channels === 3 ? 2 - c : c;
    for (let start = 0; start < data.length; start += row) {
      let read = start + source * fromChannel;
      let write = start + c * toChannel;
      if (table !== undefined) {
        for (let p = 0; p < pixels; p++, read += fromPixel, write += toPixel)
          out[write] = table[data[read]!]!;
      } else {
        for (let p = 0; p < pixels; p++, read += fromPixel, write += toPixel)
          out[write] = convert(data[read]!);
      }
    }
  }
  return out;
}

function converter(n: Normalisation | undefined, channel: number): (stored: number) => number {
  if (n === undefined) return (v) => v;
  const mean = n.mean[n.mean.length === 1 ? 0 : channel]!;
  const std = n.std[n.std.length === 1 ? 0 : channel]!;
  const { scale } = n;
  if (typeof scale === 'number') return (v) => (v * scale - mean) / std;
  return (v) => (v / scale.divisor - mean) / std;
}
