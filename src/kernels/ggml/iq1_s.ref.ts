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

/** Bytes: d float16, [32] low bits of indices, [8] words: high bits of four indices, scale, shift. */
const LOW = 2;
const WORDS = 34;
const BYTES = 50;

/** One group of 32 as it was fitted. */
interface Group {
  readonly indices: readonly number[];
  readonly scale: number;
  /** 0 up, 1 down. */
  readonly shift: number;
}

/**
 * IQ1_S: x ≈ d·(2s + 1)·(t ± 1/8), t ternary: eight t are one of 2048 grid points, s has 3 bits and the shift one sign
 * for 32 values, d is float16. The ternary split with the least weighted error is found by trying every pair of
 * boundaries of the sorted group, under both shifts; then each eight go to the nearest grid point.
 * Source: ggml-quants.c, quantize_row_iq1_s_impl and dequantize_row_iq1_s (llama.cpp v0.5.0). `best` is `reference`.
 */
export const iq1_s: BlockTwin = {
  encode(values, importance, _search, out) {
    const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
    out.fill(0);
    const weights = new Float32Array(32);
    for (let at = 0, to = 0; at < values.length; at += 256, to += BYTES) {
      const block = values.subarray(at, at + 256);
      const meanSquare = twiceMeanSquare(block);
      const groups: Group[] = [];
      for (let g = 0; g < 8; g++) {
        const from = 32 * g;
        const group = block.subarray(from, from + 32);
        groupWeights(group, importance!.subarray(at + from, at + from + 32), meanSquare, weights);
        const { indices, scale, shift } = fitGroup(group, weights);
        groups.push({ indices, scale, shift });
        let word = 0;
        indices.forEach((index, k) => {
          out[to + LOW + 4 * g + k] = index & 255;
          word |= (index >> 8) << (3 * k);
        });
        view.setUint16(to + WORDS + 2 * g, word, true);
      }
      const largest = groups.reduce((m, { scale }) => max(m, scale), 0);
      if (largest === 0) continue;
      const d = f(largest / 15);
      // The factor is ggml's: it makes up for what rounding to so few levels takes from the magnitudes.
      view.setUint16(to, halfBits(f(d * 1.125)), true);
      const inverse = f(1 / d);
      groups.forEach(({ scale, shift }, g) => {
        const s = max(0, min(7, nearestInt(f(0.5 * f(f(inverse * scale) - 1)))));
        const place = to + WORDS + 2 * g;
        view.setUint16(place, view.getUint16(place, true) | ((s | (shift << 3)) << 12), true);
      });
    }
  },

  decode(bytes, out) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { digits } = iq1Grid();
    for (let at = 0, from = 0; at < out.length; at += 256, from += BYTES) {
      const d = halfValue(view.getUint16(from, true));
      for (let g = 0; g < 8; g++) {
        const word = view.getUint16(from + WORDS + 2 * g, true);
        const scale = f(d * (2 * ((word >> 12) & 7) + 1));
        const delta = word & 0x8000 ? -0.125 : 0.125;
        for (let k = 0; k < 4; k++) {
          const index = bytes[from + LOW + 4 * g + k]! | (((word >> (3 * k)) & 7) << 8);
          for (let j = 0; j < 8; j++)
            out[at + 32 * g + 8 * k + j] = scale * (digits[8 * index + j]! - 1 + delta);
        }
      }
    }
  },
};

function fitGroup(values: Float32Array, weights: Float32Array): Group {
  const none: Group = { indices: [0, 0, 0, 0], scale: 0, shift: 0 };
  const largest = largestMagnitude(values);
  if (largest < f(1e-12)) return none;
  const order = ascending(values);
  const split = bestSplit(values, weights, order);
  if (split === undefined) return none;

  const digits = new Uint8Array(32);
  for (let j = 0; j < 32; j++) digits[order[j]!] = j < split.first ? 0 : j < split.second ? 1 : 2;
  let { scale, shift } = split;
  if (scale < 0) {
    for (let j = 0; j < 32; j++) digits[j] = 2 - digits[j]!;
    scale = -scale;
    shift = 1 - shift;
  }
  const levels = iq1Levels[shift]!;
  const placed = [0, 8, 16, 24].map((k) =>
    onGrid(digits.subarray(k, k + 8), values.subarray(k, k + 8), weights.subarray(k, k + 8), scale, levels),
  );
  const indices = placed.map(({ index }) => index);
  if (!placed.every(({ exact }) => exact)) {
    const sums = { qx: 0, qq: 0 };
    indices.forEach((index, k) => {
      addProducts(
        sums,
        index,
        values.subarray(8 * k, 8 * k + 8),
        weights.subarray(8 * k, 8 * k + 8),
        levels,
        1,
      );
    });
    if (sums.qx > 0 && sums.qq > 0) scale = f(sums.qx / sums.qq);
  }
  return { indices, scale, shift };
}

/**
 * The two boundaries in the sorted group, and the shift, that explain most of Σ w·x²: with q the level of a value, the
 * scale is Σwqx / Σwq² and what it explains (Σwqx)² / Σwq².
 */
function bestSplit(
  values: Float32Array,
  weights: Float32Array,
  order: Uint8Array,
): { first: number; second: number; scale: number; shift: number } | undefined {
  const n = values.length;
  const sumX = new Float32Array(n + 1); // Σ w·x of the first j values
  const sumW = new Float32Array(n + 1); // Σ w
  for (let j = 0; j < n; j++) {
    const i = order[j]!;
    sumX[j + 1] = sumX[j]! + f(weights[i]! * values[i]!);
    sumW[j + 1] = sumW[j]! + weights[i]!;
  }
  let score = -3.4028234663852886e38;
  let found: { first: number; second: number; scale: number; shift: number } | undefined;
  for (let first = 0; first <= n; first++) {
    for (let second = first; second <= n; second++) {
      for (let shift = 0; shift < 2; shift++) {
        const [low, middle, high] = iq1Levels[shift]!;
        const middleX = f(sumX[second]! - sumX[first]!);
        const middleW = f(sumW[second]! - sumW[first]!);
        const highX = f(sumX[n]! - sumX[second]!);
        const highW = f(sumW[n]! - sumW[second]!);
        const qx = f(f(f(sumX[first]! * low) + f(middleX * middle)) + f(highX * high));
        const qq = f(
          f(f(f(sumW[first]! * low) * low) + f(f(middleW * middle) * middle)) + f(f(highW * high) * high),
        );
        if (qq > 0 && f(qx * qx) > f(score * qq)) {
          const scale = f(qx / qq);
          score = f(scale * qx);
          found = { first, second, scale, shift };
        }
      }
    }
  }
  return found;
}
