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
import { type ScaledLevels, scaledLevels } from './scaled-levels.ts';
import { schemeOptions } from './scheme-options.ts';

const f = Math.fround;

interface FloatRow {
  readonly name: string;
  /** The bits: a row of `smallFloats`. */
  readonly float: SmallFloatName;
  readonly dtype: DType;
  readonly description: string;
  readonly source: string;
  /** Floats of 8 bits and fewer are spread over the range by a scale; 16-bit floats are stored as they are. */
  readonly scaled: boolean;
}

/** The row of a float format: real = value(code) * scale; beyond the largest finite value codes saturate. */
export function floatFormat({ float: name, ...row }: FloatRow): NumberFormat {
  const { bits, maxCode, mantissaBits } = smallFloats[name];
  return {
    ...row,
    kind: 'float',
    family: 'float',
    ...(row.scaled ? schemeOptions.levels : schemeOptions.none),
    table: () => decodeTable(name),
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
    ...(row.scaled ? scaledLevels(floatLevels(name)) : storedAsTheyAre(name as 'float16' | 'bfloat16')),
  };
}

/** Half-way to the next binade and back: a scale twice as large has the same levels, up to both ends. */
const PARTS: readonly number[] = [1, ...Array.from({ length: 17 }, (_, i) => 1.5 - 0.05 * i)];

/** A float of at most 8 bits whose largest value the largest magnitude of a block is put on. */
export function floatLevels(name: SmallFloatName): ScaledLevels {
  const float = smallFloats[name];
  const largest = () => decodeTable(name)[float.maxCode]!;
  return {
    bits: float.bits,
    parts: PARTS,
    table: () => decodeTable(name),
    codeOf: (x) => encodeSmallFloat(x, float, true),
    encode: (kernel, values, layout, scale, codes) =>
      kernel.encodeFloats(values, layout, scale, float, codes),
    needed(low, high) {
      const magnitude = Math.max(-low, high);
      return magnitude >= TINY ? magnitude / largest() : 0;
    },
    stored: (needed, choice) => (needed > 0 ? storedScale(f(needed), largest(), choice) : 1),
  };
}

/** 16-bit floats: the codes are the reals, and every scale is 1. */
function storedAsTheyAre(name: 'float16' | 'bfloat16') {
  const float = smallFloats[name];
  const [encode, decode] =
    name === 'float16'
      ? (['encodeFloat16', 'decodeFloat16'] as const)
      : (['encodeBfloat16', 'decodeBfloat16'] as const);
  const row: Pick<
    NumberFormat,
    'fit' | 'round' | 'value' | 'createCodes' | 'pack' | 'unpack' | 'encode' | 'decode'
  > = {
    fit: () => ({ scale: 1, zeroPoint: 0, minCode: 0, maxCode: 0xffff }),
    round: (values, at, { scale }) => encodeSmallFloat(f(values[at]! / scale), float, true),
    value(code, { scale }, _unit, out, at) {
      out[at] = decodeTable(name)[code]! * scale;
    },
    createCodes: (count) => new Uint16Array(count),
    pack: (codes) => new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength).slice(),
    unpack(bytes, count) {
      const codes = new Uint16Array(count);
      new Uint8Array(codes.buffer).set(bytes.subarray(0, codes.byteLength));
      return codes;
    },
    async encode(values, { rows, length, block }) {
      const scale = new Float32Array(rows * Math.ceil(length / block)).fill(1);
      const codes = new Uint16Array(values.length);
      (await kernels()).convert[encode](values, codes, true);
      return { codes, scale };
    },
    decode({ codes }) {
      const out = new Float32Array(codes.length);
      kernelsNow().convert[decode](codes as Uint16Array, out);
      return out;
    },
  };
  return row;
}
