import type { BlockTwin } from './block-twin.ts';
import { halfBits, halfValue } from './half.ref.ts';
import { level } from './scale-search.ref.ts';
import { type BlockSteps, fitSteps, inverseOf, type StepFormat, whole } from './step-fit.ref.ts';

const { fround: f } = Math;

/** A super-block's scales and codes as ggml's search chose them. */
export interface KScaleSearch {
  /** float16 bits. */
  readonly d: number;
  /** [16] */
  readonly steps: Int8Array;
  /** [256], l + levels; kept where the stored scale is zero. */
  readonly codes: Uint8Array;
}

/** Q3_K or Q6_K: what tells them apart. */
export interface KScaleType extends Omit<StepFormat, 'values' | 'level' | 'farthest' | 'zero'> {
  /** 4 or 32: levels are -levels .. levels - 1. */
  readonly levels: number;
  /** Bytes of a super-block. */
  readonly bytes: number;
  search(x: Float32Array, importance: Float32Array | undefined): KScaleSearch;
  /** d: float16 bits; codes: [256]; out: the super-block's bytes. */
  pack(d: number, steps: Int8Array, codes: Uint8Array, out: Uint8Array): void;
  /** The inverse of `pack`; returns d as float16 bits. */
  unpack(bytes: Uint8Array, steps: Int8Array, codes: Uint8Array): number;
}

/** A type in parts, for methods that choose codes one by one with the scales as they will be stored. */
export interface KScaleBlock {
  /** The scales of 256 values; weights: [256], or undefined for ones. */
  fit(values: Float32Array, weights: Float32Array | undefined): BlockSteps;
  /** The code nearest to a value; index: its place in the super-block. */
  round(value: number, scales: BlockSteps, index: number): number;
  /** The value of a code. */
  value(code: number, scales: BlockSteps, index: number): number;
  /** codes: [256]; out: the super-block's bytes. */
  pack(scales: BlockSteps, codes: Uint8Array, out: Uint8Array): void;
}

/** The parts of best search. */
export function kScaleBlock(type: KScaleType): KScaleBlock {
  const { levels } = type;
  const format = {
    ...type,
    values: 16,
    level: (t: number) => whole(t, levels),
    farthest: -levels,
    zero: true,
  };
  const scaleAt = ({ d, steps }: BlockSteps, index: number) => f(d * steps[index >> 4]!);
  return {
    fit: (values, weights) => fitSteps(values, weights, format),
    round: (value, scales, index) => whole(f(value * inverseOf(scaleAt(scales, index))), levels) + levels,
    value: (code, scales, index) => f(scaleAt(scales, index) * (code - levels)),
    pack: ({ d, steps }, codes, out) => type.pack(halfBits(d), steps, codes, out),
  };
}

/** Codes with the scales as they are stored; where a scale is zero the search's codes stay. */
function storedCodes(x: Float32Array, { d, steps, codes }: KScaleSearch, levels: number): void {
  for (let i = 0; i < 256; i++) {
    const scale = f(halfValue(d) * steps[i >> 4]!);
    if (scale !== 0) codes[i] = levels + level(f(x[i]! / scale), levels);
  }
}

export function kScaleTwin(type: KScaleType): BlockTwin {
  const { levels, bytes: size } = type;
  const best = kScaleBlock(type);
  return {
    encode(values, importance, search, out) {
      for (let at = 0, to = 0; at < values.length; at += 256, to += size) {
        const x = values.subarray(at, at + 256);
        const w = importance?.subarray(at, at + 256);
        const bytes = out.subarray(to, to + size);
        if (search === 'best') {
          const scales = best.fit(x, w);
          best.pack(
            scales,
            Uint8Array.from(x, (v, i) => best.round(v, scales, i)),
            bytes,
          );
        } else {
          const found = type.search(x, w);
          storedCodes(x, found, levels);
          type.pack(found.d, found.steps, found.codes, bytes);
        }
      }
    },
    decode(bytes, out) {
      const steps = new Int8Array(16);
      const codes = new Uint8Array(256);
      for (let at = 0, from = 0; at < out.length; at += 256, from += size) {
        const d = halfValue(type.unpack(bytes.subarray(from, from + size), steps, codes));
        for (let i = 0; i < 256; i++) out[at + i] = f(d * steps[i >> 4]!) * (codes[i]! - levels);
      }
    },
  };
}
