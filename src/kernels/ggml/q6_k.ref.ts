import { halfBits } from './half.ref.ts';
import { type KScaleSearch, type KScaleType, kScaleBlock, kScaleTwin } from './k-scale-twin.ref.ts';
import { nearestInt } from './nearest-int.ref.ts';
import { searchScale, ZERO_BELOW } from './scale-search.ref.ts';

const { fround: f, abs, min } = Math;

/** ggml's search; source: ggml-quants.c, quantize_row_q6_K_ref and quantize_row_q6_K_impl (llama.cpp v0.5.0). */
function search(x: Float32Array, importance: Float32Array | undefined): KScaleSearch {
  const codes = new Uint8Array(256);
  const steps = new Int8Array(16);
  const weights = importance ?? x.map((v) => f(v * v));
  const scales = new Float32Array(16);
  let largest = 0;
  for (let j = 0; j < 16; j++) {
    const at = 16 * j;
    const part = codes.subarray(at, at + 16);
    scales[j] = searchScale(x.subarray(at, at + 16), weights.subarray(at, at + 16), 32, part);
    if (abs(scales[j]!) > abs(largest)) largest = scales[j]!;
  }
  if (abs(largest) < ZERO_BELOW) return { d: 0, steps, codes: codes.fill(0) };
  const inverse = f(-128 / largest);
  for (let j = 0; j < 16; j++) steps[j] = min(127, nearestInt(f(inverse * scales[j]!)));
  return { d: halfBits(f(1 / inverse)), steps, codes };
}

/** Scales that put the extreme value at levels 27 to 32.6. */
const starts = Array.from({ length: 15 }, (_, k) => 32 / (27 + 0.4 * k));

/**
 * For each half of 128 codes: 64 bytes, of which byte i holds the low four bits of codes i and i + 64. From byte 128
 * on, 32 bytes for each half: the high two bits of codes i, i + 32, i + 64 and i + 96. 192-207: steps. 208-209: d.
 */
const type: KScaleType = {
  levels: 32,
  steps: 128,
  starts: { plain: starts, weighted: starts },
  first: 'ratio',
  room: 1.08,
  bytes: 210,
  search,
  pack(d, steps, codes, out) {
    out.fill(0);
    for (let i = 0; i < 256; i++) {
      const code = codes[i]!;
      const half = i >> 7;
      out[64 * half + (i & 63)]! |= (code & 15) << (i & 64 ? 4 : 0);
      out[128 + 32 * half + (i & 31)]! |= (code >> 4) << (2 * ((i >> 5) & 3));
    }
    for (let j = 0; j < 16; j++) out[192 + j] = steps[j]!;
    out[208] = d;
    out[209] = d >> 8;
  },
  unpack(bytes, steps, codes) {
    for (let i = 0; i < 256; i++) {
      const half = i >> 7;
      const low = (bytes[64 * half + (i & 63)]! >> (i & 64 ? 4 : 0)) & 15;
      codes[i] = low | (((bytes[128 + 32 * half + (i & 31)]! >> (2 * ((i >> 5) & 3))) & 3) << 4);
    }
    steps.set(new Int8Array(bytes.buffer, bytes.byteOffset + 192, 16));
    return bytes[208]! | (bytes[209]! << 8);
  },
};

/** Q6_K: x ≈ d · step · l, 16 sub-blocks of 16 values, d float16, step int8, l in -32 .. 31; 6.5625 bits per value. */
export const q6_k = kScaleTwin(type);
export const q6_kBlock = kScaleBlock(type);
