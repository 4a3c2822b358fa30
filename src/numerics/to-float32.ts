import { decodeE8m0, decodeTable, type SmallFloatName, smallFloats } from '../kernels/index.ts';
import { type DType, dtypes, elementCount, fail, type Tensor } from '../tensor/index.ts';
import { decodeBfloat16, decodeFloat16 } from './float-arrays.ts';
import { unpackBits } from './pack-bits.ts';

export const isSmallFloat = (dtype: DType): dtype is DType & SmallFloatName =>
  Object.hasOwn(smallFloats, dtype);

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
  if (dtype === 'float16') return decodeFloat16(t.data as Uint16Array);
  if (dtype === 'bfloat16') return decodeBfloat16(t.data as Uint16Array);
  if (isSmallFloat(dtype)) {
    const table = decodeTable(dtype);
    const codes =
      dtypes[dtype].bits === 4 ? unpackBits(t.data as Uint8Array, 4, count) : (t.data as Uint16Array);
    const out = new Float32Array(count);
    for (let i = 0; i < count; i++) out[i] = table[codes[i]!]!;
    return out;
  }
  if (dtype === 'float8e8m0') {
    return Float32Array.from(t.data as Uint8Array, decodeE8m0);
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
