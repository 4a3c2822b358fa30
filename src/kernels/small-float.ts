/**
 * Floats of 4 to 16 bits: sign, exponent, mantissa, as data. One encoder and one decoder serve them all.
 * Encoding rounds to nearest, ties to even, straight from float32, subnormals included. Powers of two without a
 * sign (E8M0) are in power-of-two-float.ts.
 */

export interface SmallFloat {
  readonly bits: number;
  readonly mantissaBits: number;
  readonly bias: number;
  /** Largest finite magnitude's code; larger codes are Inf or NaN. */
  readonly maxCode: number;
  /** Code of +Inf; undefined when the format has none. */
  readonly infinity?: number;
  /** Code of NaN; undefined when the format has none. */
  readonly nan?: number;
  /** "fnuz": no negative zero, its code is NaN. */
  readonly unsignedZero?: boolean;
}

/** IEEE 754 binary16, bfloat16, OCP FP8, FP6 and FP4 (OCP MX v1.0), and the fnuz pair (arXiv 2206.02915). */
export const smallFloats = {
  float16: { bits: 16, mantissaBits: 10, bias: 15, maxCode: 0x7bff, infinity: 0x7c00, nan: 0x7e00 },
  bfloat16: { bits: 16, mantissaBits: 7, bias: 127, maxCode: 0x7f7f, infinity: 0x7f80, nan: 0x7fc0 },
  float8e4m3fn: { bits: 8, mantissaBits: 3, bias: 7, maxCode: 0x7e, nan: 0x7f },
  float8e5m2: { bits: 8, mantissaBits: 2, bias: 15, maxCode: 0x7b, infinity: 0x7c, nan: 0x7f },
  float8e4m3fnuz: { bits: 8, mantissaBits: 3, bias: 8, maxCode: 0x7f, nan: 0x80, unsignedZero: true },
  float8e5m2fnuz: { bits: 8, mantissaBits: 2, bias: 16, maxCode: 0x7f, nan: 0x80, unsignedZero: true },
  float6e3m2: { bits: 6, mantissaBits: 2, bias: 3, maxCode: 0x1f },
  float6e2m3: { bits: 6, mantissaBits: 3, bias: 1, maxCode: 0x1f },
  float4e2m1: { bits: 4, mantissaBits: 1, bias: 1, maxCode: 0x7 },
} as const satisfies Record<string, SmallFloat>;

export type SmallFloatName = keyof typeof smallFloats;

/** What becomes of values beyond the largest finite one. */
export interface FloatEncodeOptions {
  /** Values beyond the largest finite one become it, ±Inf too; otherwise they become Inf, or NaN without Inf. */
  readonly saturate?: boolean;
}

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** Nearest integer of a non-negative double below 2^52, ties to even. */
function nearestEven(x: number): number {
  const two52 = 4503599627370496;
  return x + two52 - two52;
}

/** Code of one float32 value. */
export function encodeSmallFloat(value: number, row: SmallFloat, saturate: boolean): number {
  scratch[0] = value;
  const bits = scratchBits[0]!;
  const magnitude = bits & 0x7fffffff;
  const sign = bits >>> 31 ? 1 << (row.bits - 1) : 0;
  if (magnitude > 0x7f800000) return row.nan === undefined ? 0 : row.unsignedZero ? row.nan : sign | row.nan;
  let code: number;
  if (magnitude === 0x7f800000) {
    code = row.maxCode + 1;
  } else if ((magnitude >>> 23) - 127 > -row.bias) {
    // Normal in the target: add half of the last place, less one when that place is even, then cut.
    const cut = 23 - row.mantissaBits;
    const rounded = magnitude + ((1 << (cut - 1)) - 1) + ((magnitude >>> cut) & 1);
    code = (rounded >>> cut) - ((127 - row.bias) << row.mantissaBits);
  } else {
    code = nearestEven(Math.abs(scratch[0]!) * 2 ** (row.bias - 1 + row.mantissaBits));
  }
  if (code > row.maxCode) {
    if (saturate || (row.infinity === undefined && row.nan === undefined)) code = row.maxCode;
    else if (row.infinity !== undefined) code = row.infinity;
    else if (row.unsignedZero) return row.nan!;
    else code = row.nan!;
  }
  return code === 0 && row.unsignedZero ? 0 : sign | code;
}

/** The value of one code: exact, every value of these formats is a float32. */
export function decodeSmallFloat(code: number, row: SmallFloat): number {
  const sign = code >>> (row.bits - 1) ? -1 : 1;
  const magnitude = code & ((1 << (row.bits - 1)) - 1);
  if (row.unsignedZero && code === row.nan) return Number.NaN;
  if (magnitude > row.maxCode)
    return magnitude === row.infinity ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  const exponent = magnitude >>> row.mantissaBits;
  const mantissa = magnitude & ((1 << row.mantissaBits) - 1);
  const one = 1 << row.mantissaBits;
  if (exponent === 0) return sign * mantissa * 2 ** (1 - row.bias - row.mantissaBits);
  return sign * (one + mantissa) * 2 ** (exponent - row.bias - row.mantissaBits);
}

const decodeTables = new Map<SmallFloatName, Float32Array>();

/** Values of all codes of a format, made at first use. */
export function decodeTable(name: SmallFloatName): Float32Array {
  let table = decodeTables.get(name);
  if (!table) {
    const row = smallFloats[name];
    table = Float32Array.from({ length: 2 ** row.bits }, (_, code) => decodeSmallFloat(code, row));
    decodeTables.set(name, table);
  }
  return table;
}
