import type { BlockTwin } from './block-twin.ts';
import { halfBits, halfValue } from './half.ref.ts';
import {
  iq4Code,
  iq4Level,
  iq4Levels,
  iq4Starts,
  iq4Weights,
  packIq4,
  searchIq4Scale,
  unpackIq4,
} from './iq4-levels.ref.ts';
import { fitWeights, inverseOf, leastSquaresScale } from './step-fit.ref.ts';

const { fround: f, min, max } = Math;

/** The parts of best search: a block's scale is d, a value of float16. */
export const iq4_nlBlock = {
  /** The scale of 32 values with the least squared error that the starts lead to; weights: [32], or undefined for ones. */
  fit(values: Float32Array, weights: Float32Array | undefined): number {
    const level = { level: iq4Level, farthest: -127 };
    const scale = leastSquaresScale(values, fitWeights(weights, 32), iq4Starts, level, 1);
    return halfValue(halfBits(max(-65504, min(65504, scale))));
  },
  /** The code nearest to a value. */
  round: (value: number, d: number): number => iq4Code(f(value * inverseOf(d))),
  /** The value of a code. */
  value: (code: number, d: number): number => f(d * iq4Levels[code]!),
  /** codes: [32]; out: the block's 18 bytes: d, then two codes per byte. */
  pack(d: number, codes: Uint8Array, out: Uint8Array): void {
    const bits = halfBits(d);
    out[0] = bits;
    out[1] = bits >> 8;
    packIq4(codes, out.subarray(2));
  },
};

/** ggml's search. The codes are those of the scale before it is rounded to float16. */
function reference(x: Float32Array, importance: Float32Array | undefined, out: Uint8Array): void {
  const scale = searchIq4Scale(x, iq4Weights(x, importance));
  iq4_nlBlock.pack(
    scale,
    Uint8Array.from(x, (v) => iq4_nlBlock.round(v, scale)),
    out,
  );
}

function best(x: Float32Array, importance: Float32Array | undefined, out: Uint8Array): void {
  const d = iq4_nlBlock.fit(x, importance);
  iq4_nlBlock.pack(
    d,
    Uint8Array.from(x, (v) => iq4_nlBlock.round(v, d)),
    out,
  );
}

/** IQ4_NL: x ≈ d · level, 32 values, d float16, 16 fixed levels that are denser near zero; 4.5 bits per value. */
export const iq4_nl: BlockTwin = {
  encode(values, importance, search, out) {
    const encode = search === 'best' ? best : reference;
    for (let at = 0, to = 0; at < values.length; at += 32, to += 18) {
      encode(values.subarray(at, at + 32), importance?.subarray(at, at + 32), out.subarray(to, to + 18));
    }
  },
  decode(bytes, out) {
    const codes = new Uint8Array(32);
    for (let at = 0, from = 0; at < out.length; at += 32, from += 18) {
      const d = halfValue(bytes[from]! | (bytes[from + 1]! << 8));
      unpackIq4(bytes.subarray(from + 2, from + 18), codes);
      for (let i = 0; i < 32; i++) out[at + i] = d * iq4Levels[codes[i]!]!;
    }
  },
};
