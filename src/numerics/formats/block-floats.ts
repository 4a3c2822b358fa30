import {
  countBelow,
  decodeE8m0,
  decodeTable,
  encodeE8m0,
  encodeSmallFloat,
  type LevelTable,
  type SmallFloatName,
  smallFloats,
  TINY,
} from '../../kernels/index.ts';
import type { DType } from '../../tensor/index.ts';
import { floatLevels } from './float-format.ts';
import type { BlockScale, NumberFormat } from './number-format.ts';
import { type ScaledLevels, scaledLevels } from './scaled-levels.ts';
import { schemeOptions } from './scheme-options.ts';

const f = Math.fround;
const SPECIFICATION = 'OCP Microscaling Formats (MX) Specification 1.0';

/** What all block floats have in common. */
const blockFloat = {
  family: 'block-float',
  unit: 1,
  bookSize: 0,
  symmetricZero: 0,
  ...schemeOptions.blocks,
  scaled: true,
  signedScale: false,
  hasZero: true,
  defaultRange: 'min-max',
} as const;

/** E8M0 scales of MX: the scale of an element is 2^(code - 127) times `unit`. */
const powerScale = (unit: number): BlockScale => ({
  dtype: 'float8e8m0',
  encode: (scale) => Uint8Array.from(scale, (s) => encodeE8m0(s / unit, 'half-even')),
  decode: (codes) => Float32Array.from(codes, (code) => decodeE8m0(code) * unit),
});

/**
 * The conversion of MX 1.0, section 6.3: the shared exponent is floor(log2(largest magnitude)) - emax, elements
 * saturate. `unit`: the step that the element type itself has. mse tries the exponents beside it.
 */
function microscaled(elements: ScaledLevels, emax: number, unit = 1): ScaledLevels {
  const shift = 2 ** -emax * unit;
  return {
    ...elements,
    parts: [1, 2, 0.5],
    needed(low, high) {
      const magnitude = Math.max(-low, high);
      return magnitude > 0 ? decodeE8m0(encodeE8m0(magnitude, 'down')) * shift : 0;
    },
    stored: (needed) => (needed > 0 ? decodeE8m0(encodeE8m0(needed / unit, 'half-even')) * unit : unit),
  };
}

/** 32 small floats and a power of two. */
function mxFloat(name: string, element: SmallFloatName, dtype: DType, what: string): NumberFormat {
  const { bits, maxCode, mantissaBits, bias } = smallFloats[element];
  const emax = (maxCode >>> mantissaBits) - bias;
  const largest = decodeTable(element)[maxCode]!;
  return {
    ...blockFloat,
    name,
    description: `${what} in blocks of 32 with a power of two as their scale.`,
    source: SPECIFICATION,
    kind: 'float',
    table: () => decodeTable(element),
    dtype,
    block: 32,
    bits,
    bitsPerWeight: bits + 8 / 32,
    levels: 2 * maxCode + 1,
    minCode: 0,
    maxCode: 2 ** bits - 1,
    // The floor leaves magnitudes of up to twice the largest power of two, of which `largest` is the last code.
    errorBound: Math.max(1 - largest / 2 ** (emax + 1), 2 ** -(mantissaBits + 1)),
    blockScale: powerScale(1),
    ...scaledLevels(microscaled(floatLevels(element), emax)),
  };
}

/** 32 integers of 8 bits, in steps of 2^-6, and a power of two. */
function mxInteger(): NumberFormat {
  const [largest, unit] = [127, 2 ** -6];
  const integers = Array.from({ length: 2 * largest + 1 }, (_, i) => i - largest);
  const halves = integers.slice(0, -1).map((lower) => {
    // Ties go to the even one: below an odd number half-way belongs to what lies above it.
    const half = Float32Array.of(lower + 0.5);
    if (lower % 2 !== 0) new Int32Array(half.buffer)[0]! += half[0]! > 0 ? -1 : 1;
    return half[0]!;
  });
  const levels: LevelTable = { thresholds: Float32Array.from(halves), codes: Uint8Array.from(integers) };
  const table = Float32Array.from({ length: 256 }, (_, byte) => (byte << 24) >> 24);
  const elements: ScaledLevels = {
    bits: 8,
    table: () => table,
    codeOf: (x) => levels.codes[countBelow(x, levels.thresholds)]!,
    encode: (kernel, values, layout, scale, codes) =>
      kernel.encodeLevels(values, layout, scale, levels, codes),
    needed: () => 0,
    stored: () => 1,
  };
  const work = scaledLevels(microscaled(elements, 0, unit));
  return {
    ...blockFloat,
    name: 'mxint8',
    description: '8-bit integers in steps of 1/64 in blocks of 32 with a power of two as their scale.',
    source: SPECIFICATION,
    kind: 'integer',
    dtype: 'int8',
    block: 32,
    bits: 8,
    bitsPerWeight: 8 + 8 / 32,
    levels: integers.length,
    minCode: -128,
    maxCode: 127,
    errorBound: 1 / 128,
    blockScale: powerScale(unit),
    ...work,
    fit: (...values) => ({ ...work.fit(...values), minCode: -largest, maxCode: largest }),
    round: (values, at, params, unitIndex) => (work.round(values, at, params, unitIndex) << 24) >> 24,
    value: (code, params, unitIndex, out, at) => work.value(code & 255, params, unitIndex, out, at),
    createCodes: (count) => new Int8Array(count),
    pack: (codes) => new Uint8Array(codes.buffer, codes.byteOffset, codes.length).slice(),
    unpack: (bytes, count) => new Int8Array(bytes.slice(0, count).buffer),
    async encode(...given) {
      const { codes, scale } = await work.encode(...given);
      return { codes: new Int8Array(codes.buffer), scale };
    },
    decode({ codes, scale }, layout) {
      const bytes = new Uint8Array(codes.buffer, codes.byteOffset, codes.length);
      return work.decode({ codes: bytes, scale }, layout);
    },
  };
}

/** 16 values of E2M1, a scale of E4M3 for them, and a float32 scale above all blocks. */
function nvfp4(): NumberFormat {
  const elements = floatLevels('float4e2m1');
  const scales = smallFloats.float8e4m3fn;
  const [largest, largestScale] = [6, 448];
  // 0 is no scale: a block that would have it takes the smallest.
  const scaleCode = (scale: number, tensorScale: number) =>
    Math.max(1, encodeSmallFloat(f(f(scale) / tensorScale), scales, true));
  const scaleOf = (code: number, tensorScale: number) => f(decodeTable('float8e4m3fn')[code]! * tensorScale);
  return {
    ...blockFloat,
    name: 'nvfp4',
    description:
      '4-bit floats (E2M1) in blocks of 16 with a scale of E4M3, and a float32 scale of the tensor.',
    source: 'NVIDIA 2025, arXiv 2509.25149',
    kind: 'float',
    table: () => decodeTable('float4e2m1'),
    dtype: 'float4e2m1',
    block: 16,
    bits: 4,
    bitsPerWeight: 4 + 8 / 16,
    levels: 15,
    minCode: 0,
    maxCode: 15,
    // Half of the step from 4 to 6, where the scale was rounded up by half of its own last place.
    errorBound: (1 + 2 ** -4) / 6,
    /** The largest block scale is then the largest E4M3; 1 for a tensor of zeros. */
    tensorScale(values) {
      let magnitude = 0;
      for (let i = 0; i < values.length; i++) magnitude = Math.max(magnitude, Math.abs(values[i]!));
      return magnitude >= TINY ? f(magnitude / (largest * largestScale)) : 1;
    },
    blockScale: {
      dtype: 'float8e4m3fn',
      encode: (scale, tensorScale = 1) => Uint8Array.from(scale, (s) => scaleCode(s, tensorScale)),
      decode: (codes, tensorScale = 1) => Float32Array.from(codes, (code) => scaleOf(code, tensorScale)),
    },
    ...scaledLevels({
      ...elements,
      needed: (low, high) => Math.max(-low, high) / largest,
      stored: (needed, { tensorScale = 1 }) => scaleOf(scaleCode(needed, tensorScale), tensorScale),
    }),
  };
}

/** Blocks of fixed size with one narrow scale each; the scales count as bits of the format. */
export const blockFloats = {
  mxfp8_e4m3: mxFloat('mxfp8_e4m3', 'float8e4m3fn', 'float8e4m3fn', '8-bit floats (E4M3)'),
  mxfp8_e5m2: mxFloat('mxfp8_e5m2', 'float8e5m2', 'float8e5m2', '8-bit floats (E5M2)'),
  mxfp6_e3m2: mxFloat('mxfp6_e3m2', 'float6e3m2', 'uint8', '6-bit floats (E3M2)'),
  mxfp6_e2m3: mxFloat('mxfp6_e2m3', 'float6e2m3', 'uint8', '6-bit floats (E2M3)'),
  mxfp4: mxFloat('mxfp4', 'float4e2m1', 'float4e2m1', '4-bit floats (E2M1)'),
  mxint8: mxInteger(),
  nvfp4: nvfp4(),
};
