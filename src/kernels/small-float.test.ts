import { describe, expect, test } from 'vitest';
import {
  decodeE8m0,
  decodeSmallFloat,
  E8M0_NAN,
  encodeE8m0,
  encodeSmallFloat,
  type SmallFloat,
  type SmallFloatName,
  smallFloats,
} from './index.ts';

/**
 * The exact oracle: magnitudes as whole numbers of 2^-150, in which every float32, every code and every half-way
 * point between two codes is whole.
 */
const UNIT = 150n;

const cell = new DataView(new ArrayBuffer(4));

/** A finite float32 magnitude in units of 2^-150. */
function exact(x: number): bigint {
  cell.setFloat32(0, x);
  const bits = cell.getUint32(0) & 0x7fffffff;
  const exponent = bits >>> 23;
  const fraction = BigInt(bits & 0x7fffff);
  return exponent === 0 ? fraction << 1n : (fraction | 0x800000n) << BigInt(exponent);
}

/** The float32 of so many units, cut towards zero; whether nothing was cut. */
function floatOf(units: bigint): number {
  const length = units.toString(2).length;
  const shift = BigInt(Math.max(1, length - 24));
  return Number(units >> shift) * 2 ** Number(shift - UNIT);
}

/** The next float32 away from zero or towards it. */
function neighbour(x: number, step: 1 | -1): number {
  cell.setFloat32(0, x);
  cell.setUint32(0, cell.getUint32(0) + step);
  return cell.getFloat32(0);
}

/** What the specifications say a magnitude code means: fraction x 2^(exponent - bias), in units of 2^-150. */
function meaning(code: number, { mantissaBits, bias }: SmallFloat): bigint {
  const exponent = code >>> mantissaBits;
  const fraction = BigInt(code & ((1 << mantissaBits) - 1));
  const whole = exponent === 0 ? fraction : fraction + (1n << BigInt(mantissaBits));
  return whole << (UNIT + BigInt(Math.max(1, exponent) - bias - mantissaBits));
}

describe.each(Object.entries(smallFloats) as [SmallFloatName, SmallFloat][])('%s', (_, row) => {
  const sign = 1 << (row.bits - 1);
  const negative = (code: number) => (code === 0 && row.unsignedZero ? 0 : sign | code);
  /** The code of a magnitude beyond the largest finite one that does not saturate. */
  const beyond = row.infinity ?? row.nan ?? row.maxCode;
  const signed = (code: number) => (code === beyond && row.unsignedZero ? code : negative(code));

  test('every code means what the specification says', () => {
    for (let code = 0; code <= row.maxCode; code++) {
      const value = decodeSmallFloat(code, row);
      expect(exact(value) === meaning(code, row)).toBe(true);
      if (code === 0 && row.unsignedZero) continue;
      expect(Object.is(decodeSmallFloat(sign | code, row), -value)).toBe(true);
    }
    for (let code = row.maxCode + 1; code < sign; code++) {
      const value = decodeSmallFloat(code, row);
      expect(value).toBe(code === row.infinity ? Number.POSITIVE_INFINITY : Number.NaN);
    }
    if (row.unsignedZero) expect(decodeSmallFloat(sign, row)).toBeNaN();
  });

  test('every code point and every boundary rounds to the nearest, ties to the even code', () => {
    const wrong: string[] = [];
    const check = (x: number, wanted: number, saturate: boolean) => {
      if (encodeSmallFloat(x, row, saturate) !== wanted) wrong.push(`${x} ${saturate}: ${wanted}`);
      const mirrored = wanted === row.nan && row.unsignedZero ? wanted : signed(wanted);
      if (encodeSmallFloat(-x, row, saturate) !== mirrored) wrong.push(`${-x} ${saturate}: ${mirrored}`);
    };
    for (const saturate of [false, true]) {
      for (let code = 0; code <= row.maxCode; code++) {
        const here = meaning(code, row);
        check(floatOf(here), code, saturate);
        // Beyond the largest code lies the one that it would have next.
        const last = code === row.maxCode;
        const next = last ? (saturate ? row.maxCode : beyond) : code + 1;
        const middle = (here + meaning(code + 1, row)) / 2n;
        const at = floatOf(middle);
        if (!Number.isFinite(Math.fround(at))) continue;
        const isTie = exact(at) === middle;
        check(at, isTie && code % 2 === 1 ? next : code, saturate);
        check(neighbour(at, 1), next, saturate);
        if (isTie && at > 0) check(neighbour(at, -1), code, saturate);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('infinity, NaN and the largest float32', () => {
    const [inf, largest] = [Number.POSITIVE_INFINITY, 3.4028234663852886e38];
    for (const x of [inf, largest]) {
      expect(encodeSmallFloat(x, row, true)).toBe(row.maxCode);
      expect(encodeSmallFloat(-x, row, true)).toBe(sign | row.maxCode);
      expect(encodeSmallFloat(x, row, false)).toBe(beyond);
      expect(encodeSmallFloat(-x, row, false)).toBe(signed(beyond));
    }
    const nan = encodeSmallFloat(Number.NaN, row, true);
    if (row.nan === undefined) expect(nan).toBe(0);
    else expect(decodeSmallFloat(nan, row)).toBeNaN();
  });
});

describe('float8e8m0', () => {
  const codes = Array.from({ length: 255 }, (_, code) => code);
  const next = (code: number) => Math.min(254, code + 1);

  test('every code is a power of two and comes back', () => {
    for (const code of codes) {
      expect(exact(decodeE8m0(code)) === 1n << BigInt(code + 23)).toBe(true);
      for (const rounding of ['up', 'down', 'half-even', 'half-up'] as const)
        expect(encodeE8m0(decodeE8m0(code), rounding)).toBe(code);
    }
    expect(decodeE8m0(E8M0_NAN)).toBeNaN();
  });

  test('every boundary', () => {
    for (const code of codes) {
      const [here, middle] = [decodeE8m0(code), decodeE8m0(code) * 1.5];
      const [below, above] = [neighbour(middle, -1), neighbour(middle, 1)];
      for (const x of [neighbour(here, 1), below, middle, above]) {
        expect(encodeE8m0(x, 'up')).toBe(next(code));
        expect(encodeE8m0(x, 'down')).toBe(code);
      }
      for (const rounding of ['half-even', 'half-up'] as const) {
        expect(encodeE8m0(below, rounding)).toBe(code);
        expect(encodeE8m0(above, rounding)).toBe(next(code));
      }
      expect(encodeE8m0(middle, 'half-even')).toBe(code % 2 === 0 ? code : next(code));
      expect(encodeE8m0(middle, 'half-up')).toBe(next(code));
    }
  });

  test('what is no positive number, and what is too large', () => {
    for (const x of [Number.NaN, -1, -(2 ** -149), Number.NEGATIVE_INFINITY])
      expect(encodeE8m0(x, 'half-even')).toBe(E8M0_NAN);
    for (const x of [0, -0, 2 ** -149]) expect(encodeE8m0(x, 'up')).toBe(0);
    for (const x of [Number.POSITIVE_INFINITY, 3.4e38]) {
      expect(encodeE8m0(x, 'up')).toBe(254);
      expect(encodeE8m0(x, 'up', false)).toBe(E8M0_NAN);
    }
  });
});
