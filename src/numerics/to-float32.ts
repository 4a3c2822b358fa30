import {
  decodeTable,
  encodeSmallFloat,
  type FloatEncodeOptions,
  type SmallFloatName,
  smallFloats,
} from '../kernels/index.ts';
import { type DType, type DTypeArrays, dtypes, elementCount, fail, type Tensor } from '../tensor/index.ts';
import { packBits, unpackBits } from './pack-bits.ts';

const isSmallFloat = (dtype: DType): dtype is SmallFloatName => Object.hasOwn(smallFloats, dtype);

/**
 * The values of a tensor as float32, [elementCount(dims)]; float32 comes back without a copy.
 * 64-bit types lose what float32 cannot hold. float8e8m0 is 2^(code - 127), 255 is NaN.
 * @throws numerics/not-real for complex numbers and strings.
 */
export function toFloat32(t: Tensor): Float32Array {
  const count = elementCount(t.dims);
  const { dtype } = t;
  if (dtype === 'float32') return t.data as Float32Array;
  if (dtype === 'complex64' || dtype === 'complex128' || dtype === 'string') {
    return fail('numerics/not-real', { dtype });
  }
  if (isSmallFloat(dtype)) {
    const table = decodeTable(dtype);
    const codes =
      dtypes[dtype].bits === 4 ? unpackBits(t.data as Uint8Array, 4, count) : (t.data as Uint16Array);
    const out = new Float32Array(count);
    for (let i = 0; i < count; i++) out[i] = table[codes[i]!]!;
    return out;
  }
  if (dtype === 'float8e8m0') {
    return Float32Array.from(t.data as Uint8Array, (code) => (code === 255 ? Number.NaN : 2 ** (code - 127)));
  }
  const { bits, kind } = dtypes[dtype];
  if (bits === 4 || bits === 2) {
    return Float32Array.from(unpackBits(t.data as Uint8Array, bits, count, kind === 'signed'));
  }
  if (bits === 64 && dtype !== 'float64') {
    return Float32Array.from(t.data as BigInt64Array, Number);
  }
  return Float32Array.from(t.data as Int32Array);
}

type RealDType = Exclude<DType, 'complex64' | 'complex128' | 'string'>;

const integerArrays = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
} as const;

function roundEven(x: number): number {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/**
 * float32 values as a tensor of another type: floats round to nearest even, integers too and saturate.
 * 8-bit floats saturate by default, 16-bit floats become Inf (`saturate` changes either).
 */
export function fromFloat32<D extends RealDType>(
  values: Float32Array,
  dims: readonly number[],
  dtype: D,
  options?: FloatEncodeOptions,
): Tensor<D> {
  return { dtype, dims, data: convert(values, dtype, options) as DTypeArrays[D] };
}

function convert(
  values: Float32Array,
  dtype: RealDType,
  options?: FloatEncodeOptions,
): DTypeArrays[RealDType] {
  if (dtype === 'float32') return values;
  if (dtype === 'float64') return Float64Array.from(values);
  if (dtype === 'bool') return Uint8Array.from(values, (x) => (x === 0 ? 0 : 1));
  if (dtype === 'float8e8m0') {
    // Powers of two only: the nearest exponent, never above the largest.
    return Uint8Array.from(values, (x) =>
      x > 0 ? Math.max(0, Math.min(254, Math.round(Math.log2(x)) + 127)) : x === 0 ? 0 : 255,
    );
  }
  if (isSmallFloat(dtype)) {
    const row = smallFloats[dtype];
    const saturate = options?.saturate ?? row.bits < 16;
    const codes = new (row.bits === 16 ? Uint16Array : Uint8Array)(values.length);
    for (let i = 0; i < values.length; i++) codes[i] = encodeSmallFloat(values[i]!, row, saturate);
    return row.bits === 4 ? packBits(codes, 4) : codes;
  }
  const { bits, kind } = dtypes[dtype];
  const min = kind === 'signed' ? -(2 ** (bits - 1)) : 0;
  const max = kind === 'signed' ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  const clamp = (x: number) => Math.max(min, Math.min(max, roundEven(x))) || 0;
  if (bits === 4 || bits === 2) return packBits(Array.from(values, clamp), bits);
  if (dtype === 'int64' || dtype === 'uint64') {
    const limit = 2n ** (dtype === 'int64' ? 63n : 64n) - 1n;
    const integers = Array.from(values, (x) => atMost(BigInt(clamp(x)), limit));
    return dtype === 'int64' ? new BigInt64Array(integers) : new BigUint64Array(integers);
  }
  const out = new integerArrays[dtype as keyof typeof integerArrays](values.length);
  for (let i = 0; i < values.length; i++) out[i] = clamp(values[i]!);
  return out;
}

/** 2^63 - 1 and 2^64 - 1 are no doubles: clamping in doubles lets one more through. */
const atMost = (x: bigint, limit: bigint) => (x > limit ? limit : x);
