import type { BlockTwin } from './block-twin.ts';
import { halfBits, halfValue } from './half.ref.ts';
import { iq1Grid } from './iq1-grid.ref.ts';
import {
  addProducts,
  ascending,
  groupWeights,
  iq1Levels,
  largestMagnitude,
  nearestInt,
  onGrid,
  twiceMeanSquare,
} from './iq1-parts.ref.ts';

const { fround: f, max, min } = Math;

/** Bytes: [32] low bits of indices, [16] nibbles: high bits and shift of an index, [4] words: scales and a nibble of d. */
const NIBBLES = 32;
const WORDS = 48;
const BYTES = 56;

/** One group of 16 as it was fitted: its two halves have shifts of their own. */
interface Group {
  readonly indices: readonly [number, number];
  readonly scale: number;
  readonly shifts: readonly [number, number];
}

/** Shifts of both halves in the order in which they are tried. */
const shiftPairs = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
] as const;

/**
 * IQ1_M: x ≈ d·(2s + 1)·(t ± 1/8), t ternary: eight t are one of 2048 grid points with a shift of their own, s has 3
 * bits for 16 values, d is float16 and lies in the spare bits of the scales. As IQ1_S, every pair of boundaries of the
 * sorted group is tried, under the shifts of both halves; d is fitted again to what was chosen.
 * Source: ggml-quants.c, quantize_row_iq1_m_impl and dequantize_row_iq1_m (llama.cpp v0.5.0). `best` is `reference`.
 */
export const iq1_m: BlockTwin = {
  encode(values, importance, _search, out) {
    const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
    out.fill(0);
    const weights = new Float32Array(16);
    for (let at = 0, to = 0; at < values.length; at += 256, to += BYTES) {
      const block = values.subarray(at, at + 256);
      const meanSquare = twiceMeanSquare(block);
      const groupOf = (g: number) => {
        const group = block.subarray(16 * g, 16 * g + 16);
        groupWeights(group, importance?.subarray(at + 16 * g, at + 16 * g + 16), meanSquare, weights);
        return group;
      };
      const groups: Group[] = [];
      for (let g = 0; g < 16; g++) {
        const fitted = fitGroup(groupOf(g), weights);
        groups.push(fitted);
        const [a, b] = fitted.indices;
        out[to + 2 * g] = a & 255;
        out[to + 2 * g + 1] = b & 255;
        out[to + NIBBLES + g] = (a >> 8) | ((b >> 8) << 4);
      }
      const largest = groups.reduce((m, { scale }) => max(m, scale), 0);
      if (largest === 0) continue;
      let d = f(largest / 15);
      const inverse = f(1 / d);
      const sums = { qx: 0, qq: 0 };
      groups.forEach(({ indices, scale, shifts }, g) => {
        const s = max(0, min(7, nearestInt(f(0.5 * f(f(inverse * scale) - 1)))));
        const place = to + WORDS + 2 * (g >> 2);
        view.setUint16(place, view.getUint16(place, true) | (s << (3 * (g & 3))), true);
        out[to + NIBBLES + g]! |= (shifts[0] << 3) | (shifts[1] << 7);
        const group = groupOf(g);
        indices.forEach((index, k) => {
          const part = group.subarray(8 * k, 8 * k + 8);
          addProducts(
            sums,
            index,
            part,
            weights.subarray(8 * k, 8 * k + 8),
            iq1Levels[shifts[k]!]!,
            2 * s + 1,
          );
        });
      });
      if (sums.qq > 0) d = f(sums.qx / sums.qq);
      // The factor is ggml's: it makes up for what rounding to so few levels takes from the magnitudes.
      const bits = halfBits(f(d * f(1.1125)));
      for (let k = 0; k < 4; k++) {
        const place = to + WORDS + 2 * k;
        view.setUint16(place, view.getUint16(place, true) | (((bits >> (4 * k)) & 15) << 12), true);
      }
    }
  },

  decode(bytes, out) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { digits } = iq1Grid();
    for (let at = 0, from = 0; at < out.length; at += 256, from += BYTES) {
      const words = [0, 1, 2, 3].map((k) => view.getUint16(from + WORDS + 2 * k, true));
      const d = halfValue(words.reduce((bits, word, k) => bits | ((word >> 12) << (4 * k)), 0));
      for (let g = 0; g < 16; g++) {
        const scale = f(d * (2 * ((words[g >> 2]! >> (3 * (g & 3))) & 7) + 1));
        for (let k = 0; k < 2; k++) {
          const nibble = (bytes[from + NIBBLES + g]! >> (4 * k)) & 15;
          const index = bytes[from + 2 * g + k]! | ((nibble & 7) << 8);
          const delta = nibble & 8 ? -0.125 : 0.125;
          for (let j = 0; j < 8; j++)
            out[at + 16 * g + 8 * k + j] = scale * (digits[8 * index + j]! - 1 + delta);
        }
      }
    }
  },
};

function fitGroup(values: Float32Array, weights: Float32Array): Group {
  const none: Group = { indices: [0, 0], scale: 0, shifts: [0, 0] };
  if (largestMagnitude(values) < f(1e-7)) return none;
  const order = ascending(values);
  const split = bestSplit(values, weights, order);
  if (split === undefined) return none;

  const digits = new Uint8Array(16);
  for (let j = 0; j < 16; j++) digits[order[j]!] = j < split.first ? 0 : j < split.second ? 1 : 2;
  let { scale } = split;
  let shifts = shiftPairs[split.pair]!;
  if (scale < 0) {
    for (let j = 0; j < 16; j++) digits[j] = 2 - digits[j]!;
    scale = -scale;
    shifts = shiftPairs[3 - split.pair]!;
  }
  const half = (array: Float32Array, k: number) => array.subarray(8 * k, 8 * k + 8);
  const place = (k: number) =>
    onGrid(
      digits.subarray(8 * k, 8 * k + 8),
      half(values, k),
      half(weights, k),
      scale,
      iq1Levels[shifts[k]!]!,
    );
  const [a, b] = [place(0), place(1)];
  if (!a.exact || !b.exact) {
    const sums = { qx: 0, qq: 0 };
    [a.index, b.index].forEach((index, k) => {
      addProducts(sums, index, half(values, k), half(weights, k), iq1Levels[shifts[k]!]!, 1);
    });
    if (sums.qx > 0 && sums.qq > 0) scale = f(sums.qx / sums.qq);
  }
  return { indices: [a.index, b.index], scale, shifts };
}

/**
 * As in IQ1_S, with sums apart for both halves. Levels are 1 apart, so the sum over the three parts of a split is the
 * whole at the highest level less the sums up to both boundaries.
 */
function bestSplit(
  values: Float32Array,
  weights: Float32Array,
  order: Uint8Array,
): { first: number; second: number; scale: number; pair: number } | undefined {
  const n = values.length;
  const sumX = [new Float32Array(n + 1), new Float32Array(n + 1)];
  const sumW = [new Float32Array(n + 1), new Float32Array(n + 1)];
  for (let j = 0; j < n; j++) {
    const i = order[j]!;
    for (let h = 0; h < 2; h++) {
      const own = i >> 3 === h;
      sumX[h]![j + 1] = own ? sumX[h]![j]! + f(weights[i]! * values[i]!) : sumX[h]![j]!;
      sumW[h]![j + 1] = own ? sumW[h]![j]! + weights[i]! : sumW[h]![j]!;
    }
  }
  let score = -3.4028234663852886e38;
  let found: { first: number; second: number; scale: number; pair: number } | undefined;
  for (let first = 0; first <= n; first++) {
    for (let second = first; second <= n; second++) {
      const qx: number[][] = [];
      const qq: number[][] = [];
      for (let h = 0; h < 2; h++) {
        const below = f(sumX[h]![first]! + sumX[h]![second]!);
        qx.push(iq1Levels.map(([, , high]) => f(f(sumX[h]![n]! * high) - below)));
        qq.push(
          iq1Levels.map(([low, middle, high]) => {
            const whole = f(f(sumW[h]![n]! * high) * high);
            const lowest = f(sumW[h]![first]! * (low * low - middle * middle));
            return f(f(whole + lowest) + f(sumW[h]![second]! * (middle * middle - high * high)));
          }),
        );
      }
      shiftPairs.forEach(([a, b], pair) => {
        const x = f(qx[0]![a]! + qx[1]![b]!);
        const w = f(qq[0]![a]! + qq[1]![b]!);
        if (w > 0 && f(x * x) > f(score * w)) {
          const scale = f(x / w);
          score = f(scale * x);
          found = { first, second, scale, pair };
        }
      });
    }
  }
  return found;
}
