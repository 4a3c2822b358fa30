import { halfBits } from './half.ref.ts';
import { type KScaleSearch, type KScaleType, kScaleBlock, kScaleTwin } from './k-scale-twin.ref.ts';
import { nearestInt } from './nearest-int.ref.ts';
import { refineScale, searchScale, superBlockWeights } from './scale-search.ref.ts';

const { fround: f, abs, min, max } = Math;

/** ggml's search; source: ggml-quants.c, quantize_row_q3_K_ref and quantize_row_q3_K_impl (llama.cpp v0.5.0). */
function search(x: Float32Array, importance: Float32Array | undefined): KScaleSearch {
  const codes = new Uint8Array(256);
  const scales = new Float32Array(16);
  const steps = new Int8Array(16).fill(-32);
  const part = <T extends Float32Array | Uint8Array>(array: T, j: number) =>
    array.subarray(16 * j, 16 * j + 16) as T;

  if (importance) {
    const weights = superBlockWeights(x, importance);
    const sums = new Float32Array(16);
    for (let j = 0; j < 16; j++) {
      for (const w of part(weights, j)) sums[j] = f(sums[j]! + w);
      scales[j] = searchScale(part(x, j), part(weights, j), 4, part(codes, j));
    }
    const stored = new Uint8Array(16);
    const d = searchScale(scales, sums, 32, stored);
    for (let j = 0; j < 16; j++) steps[j] = stored[j]! - 32;
    return { d: halfBits(d), steps, codes };
  }

  let largest = 0;
  for (let j = 0; j < 16; j++) {
    const scale = refineScale(part(x, j), 4, part(codes, j));
    if (abs(scale) > abs(largest)) largest = scale;
    scales[j] = scale;
  }
  if (largest === 0) return { d: 0, steps, codes };
  const inverse = f(-32 / largest);
  for (let j = 0; j < 16; j++) {
    // ggml cuts the number to a byte before it cuts it to the range.
    steps[j] = nearestInt(f(inverse * scales[j]!));
    steps[j] = max(-32, min(31, steps[j]!));
  }
  return { d: halfBits(f(1 / inverse)), steps, codes };
}

/**
 * Bytes 0-31: bit k of byte i is the high bit of code 32k + i. 32-95: the low two bits, four codes 32 apart per byte.
 * 96-107: steps + 32, of which 96-103 hold the low four bits of steps j and j + 8, 104-107 the high two of steps j,
 * j + 4, j + 8 and j + 12. 108-109: d.
 */
const type: KScaleType = {
  levels: 4,
  steps: 32,
  starts: {
    plain: [-4, -3, -3.5, -4.6],
    weighted: [-4, -3, -3.3, -3.6, -4.5, -5, -5.5, -6, 4, 3, 3.3, 3.6, 4.5, 5, 5.5, 6],
  },
  first: 'level',
  room: 1,
  bytes: 110,
  search,
  pack(d, steps, codes, out) {
    out.fill(0);
    for (let i = 0; i < 256; i++) {
      const code = codes[i]!;
      out[i & 31]! |= (code >> 2) << (i >> 5);
      out[32 + (i >> 7) * 32 + (i & 31)]! |= (code & 3) << (2 * ((i >> 5) & 3));
    }
    for (let j = 0; j < 16; j++) {
      const step = steps[j]! + 32;
      out[96 + (j & 7)]! |= (step & 15) << (j < 8 ? 0 : 4);
      out[104 + (j & 3)]! |= (step >> 4) << (2 * (j >> 2));
    }
    out[108] = d;
    out[109] = d >> 8;
  },
  unpack(bytes, steps, codes) {
    for (let i = 0; i < 256; i++) {
      const high = (bytes[i & 31]! >> (i >> 5)) & 1;
      codes[i] = (high << 2) | ((bytes[32 + (i >> 7) * 32 + (i & 31)]! >> (2 * ((i >> 5) & 3))) & 3);
    }
    for (let j = 0; j < 16; j++) {
      const low = (bytes[96 + (j & 7)]! >> (j < 8 ? 0 : 4)) & 15;
      const high = (bytes[104 + (j & 3)]! >> (2 * (j >> 2))) & 3;
      steps[j] = ((high << 4) | low) - 32;
    }
    return bytes[108]! | (bytes[109]! << 8);
  },
};

/** Q3_K: x ≈ d · step · l, 16 sub-blocks of 16 values, d float16, step 6 bits, l in -4 .. 3; 3.4375 bits per value. */
export const q3_k = kScaleTwin(type);
export const q3_kBlock = kScaleBlock(type);
