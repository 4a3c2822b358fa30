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
import { nearestInt } from './nearest-int.ref.ts';
import { type BlockSteps, fitSteps, inverseOf, type StepFormat } from './step-fit.ref.ts';

const { fround: f, abs, min, max } = Math;

const format: StepFormat = {
  values: 32,
  steps: 32,
  level: iq4Level,
  farthest: -127,
  zero: false,
  first: 'level',
  starts: { plain: iq4Starts, weighted: iq4Starts },
  room: 1,
};

/**
 * Bytes 0-1: d. 2-3: the high two bits of the eight steps + 32; 4-7: their low four bits, two per byte. 8-135: 16
 * bytes per sub-block, two codes per byte.
 */
function pack(d: number, steps: Int8Array, codes: Uint8Array, out: Uint8Array): void {
  const bits = halfBits(d);
  out.fill(0);
  out[0] = bits;
  out[1] = bits >> 8;
  for (let j = 0; j < 8; j++) {
    const step = steps[j]! + 32;
    out[2 + (j >> 2)]! |= (step >> 4) << (2 * (j & 3));
    out[4 + (j >> 1)]! |= (step & 15) << (4 * (j & 1));
    packIq4(codes.subarray(32 * j, 32 * j + 32), out.subarray(8 + 16 * j));
  }
}

/** Code of a value whose sub-block has this scale. */
const codeAt = (value: number, scale: number): number => iq4Code(f(value * inverseOf(scale)));
const scaleAt = ({ d, steps }: BlockSteps, index: number) => f(d * steps[index >> 5]!);

/** The parts of best search, on super-blocks of 256 values. */
export const iq4_xsBlock = {
  /** weights: [256], or undefined for ones. */
  fit: (values: Float32Array, weights: Float32Array | undefined): BlockSteps =>
    fitSteps(values, weights, format),
  /** The code nearest to a value; index: its place in the super-block. */
  round: (value: number, scales: BlockSteps, index: number): number => codeAt(value, scaleAt(scales, index)),
  /** The value of a code. */
  value: (code: number, scales: BlockSteps, index: number): number =>
    f(scaleAt(scales, index) * iq4Levels[code]!),
  /** codes: [256]; out: the super-block's 136 bytes. */
  pack: ({ d, steps }: BlockSteps, codes: Uint8Array, out: Uint8Array): void => pack(d, steps, codes, out),
};

/** ggml's search; steps and codes are those of d before it is rounded to float16. */
function search(x: Float32Array, importance: Float32Array | undefined): BlockSteps {
  const weights = iq4Weights(x, importance);
  const scales = Float32Array.from({ length: 8 }, (_, j) =>
    searchIq4Scale(x.subarray(32 * j, 32 * j + 32), weights.subarray(32 * j, 32 * j + 32)),
  );
  let largest = 0;
  for (const scale of scales) if (abs(scale) > abs(largest)) largest = scale;
  const d = f(-largest / 32);
  const inverse = inverseOf(d);
  const steps = Int8Array.from(scales, (scale) => max(-32, min(31, nearestInt(f(inverse * scale)))));
  return { d, steps };
}

/** IQ4_XS: x ≈ d · step · level, 8 sub-blocks of 32 values, d float16, step 6 bits; 4.25 bits per value. */
export const iq4_xs: BlockTwin = {
  encode(values, importance, kind, out) {
    const choose = kind === 'best' ? iq4_xsBlock.fit : search;
    for (let at = 0, to = 0; at < values.length; at += 256, to += 136) {
      const x = values.subarray(at, at + 256);
      const scales = choose(x, importance?.subarray(at, at + 256));
      const codes = Uint8Array.from(x, (v, i) => iq4_xsBlock.round(v, scales, i));
      iq4_xsBlock.pack(scales, codes, out.subarray(to, to + 136));
    }
  },
  decode(bytes, out) {
    const codes = new Uint8Array(32);
    for (let at = 0, from = 0; at < out.length; at += 256, from += 136) {
      const block = bytes.subarray(from, from + 136);
      const d = halfValue(block[0]! | (block[1]! << 8));
      for (let j = 0; j < 8; j++) {
        const high = (block[2 + (j >> 2)]! >> (2 * (j & 3))) & 3;
        const low = (block[4 + (j >> 1)]! >> (4 * (j & 1))) & 15;
        const scale = f(d * (((high << 4) | low) - 32));
        unpackIq4(block.subarray(8 + 16 * j), codes);
        for (let i = 0; i < 32; i++) out[at + 32 * j + i] = scale * iq4Levels[codes[i]!]!;
      }
    }
  },
};
