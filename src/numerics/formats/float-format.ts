import {
  decodeTable,
  encodeSmallFloat,
  kernels,
  kernelsNow,
  type SmallFloatName,
  smallFloats,
  TINY,
} from '../../kernels/index.ts';
import type { DType } from '../../tensor/index.ts';
import { storedScale } from '../affine.ts';
import type { NumberFormat } from './number-format.ts';
import { packCodes, unpackCodes } from './pack-codes.ts';

const f = Math.fround;

interface FloatRow {
  readonly name: string;
  /** The bits: a row of `smallFloats`. */
  readonly float: SmallFloatName;
  readonly dtype: DType;
  readonly description: string;
  readonly source: string;
  /** 8-bit floats are spread over the range by a scale; 16-bit floats are stored as they are. */
  readonly scaled: boolean;
}

/** The row of a float format: real = value(code) * scale; beyond the largest finite value codes saturate. */
export function floatFormat({ float: floatName, ...row }: FloatRow): NumberFormat {
  const float = smallFloats[floatName];
  const { bits, maxCode, mantissaBits } = float;
  const values = () => decodeTable(floatName);
  const Codes = bits === 16 ? Uint16Array : Uint8Array;
  const largestValue = () => values()[maxCode]!;
  const scaleOf = (largest: number, choice: Parameters<typeof storedScale>[2]) =>
    row.scaled && largest >= TINY ? storedScale(f(largest / largestValue()), largestValue(), choice) : 1;
  const largestOf = (xs: Float32Array) => {
    let largest = 0;
    for (let i = 0; i < xs.length; i++) {
      const magnitude = Math.abs(xs[i]!);
      if (magnitude > largest) largest = magnitude;
    }
    return largest;
  };

  return {
    ...row,
    kind: 'float',
    family: 'float',
    table: values,
    block: 'free',
    unit: 1,
    bookSize: 0,
    bits,
    bitsPerWeight: bits,
    levels: 2 * maxCode + 1,
    minCode: 0,
    maxCode: 2 ** bits - 1,
    symmetricZero: 0,
    signedScale: false,
    hasZero: true,
    defaultRange: 'min-max',
    errorBound: 2 ** -(mantissaBits + 1),

    fit(xs, _importance, choice = {}) {
      return { scale: scaleOf(largestOf(xs), choice), zeroPoint: 0, minCode: 0, maxCode: 2 ** bits - 1 };
    },

    round: (xs, at, params) => encodeSmallFloat(f(xs[at]! / params.scale), float, true),

    value(code, params, _unit, out, at) {
      out[at] = values()[code]! * params.scale;
    },

    createCodes: (count) => new Codes(count),

    pack(codes) {
      if (bits < 16) return packCodes(codes, bits);
      return new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength).slice();
    },

    unpack(bytes, count) {
      if (bits < 16) return unpackCodes(bytes, bits, count, false);
      const codes = new Codes(count);
      new Uint8Array(codes.buffer).set(bytes.subarray(0, codes.byteLength));
      return codes;
    },

    async encode(xs, { rows, length, block }, _importance, choice = {}) {
      const scale = new Float32Array(rows * Math.ceil(length / block));
      const codes = new Codes(xs.length);
      if (!row.scaled) {
        scale.fill(1);
        const { convert } = await kernels();
        if (row.dtype === 'float16') convert.encodeFloat16(xs, codes as Uint16Array, true);
        else convert.encodeBfloat16(xs, codes as Uint16Array, true);
        return { codes, scale };
      }
      let at = 0;
      for (let row = 0; row < rows; row++) {
        const end = (row + 1) * length;
        for (let from = row * length; from < end; from += block, at++) {
          const to = Math.min(from + block, end);
          const step = scaleOf(largestOf(xs.subarray(from, to)), choice);
          scale[at] = step;
          for (let i = from; i < to; i++) codes[i] = encodeSmallFloat(f(xs[i]! / step), float, true);
        }
      }
      return { codes, scale };
    },

    decode({ codes, scale }, { rows, length, block }) {
      const table = values();
      const out = new Float32Array(codes.length);
      if (!row.scaled) {
        const { convert } = kernelsNow();
        if (row.dtype === 'float16') convert.decodeFloat16(codes as Uint16Array, out);
        else convert.decodeBfloat16(codes as Uint16Array, out);
        return out;
      }
      let at = 0;
      for (let row = 0; row < rows; row++) {
        const end = (row + 1) * length;
        for (let from = row * length; from < end; from += block, at++) {
          const to = Math.min(from + block, end);
          const step = scale[at]!;
          for (let i = from; i < to; i++) out[i] = table[codes[i]!]! * step;
        }
      }
      return out;
    },
  };
}
