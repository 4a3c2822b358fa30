import { encodeE8m0, encodeSmallFloat, type FloatEncodeOptions, smallFloats } from '../kernels/index.ts';
import { type DType, type DTypeArrays, dtypes, type Tensor } from '../tensor/index.ts';
import { encodeBfloat16, encodeFloat16 } from './float-arrays.ts';
import { packBits } from './pack-bits.ts';
import { isSmallFloat } from './to-float32.ts';

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
    return Uint8Array.from(values, (x) => encodeE8m0(x, 'half-even', options?.saturate ?? true));
  }
  if (dtype === 'float16') return encodeFloat16(values, options);
  if (dtype === 'bfloat16') return encodeBfloat16(values, options);
  if (isSmallFloat(dtype)) {
    const row = smallFloats[dtype];
    const saturate = options?.saturate ?? true;
    const codes = new Uint8Array(values.length);
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
