import { tritTwin } from './trits.ref.ts';

/**
 * TQ2_0: ternary values of 256, two bits each: byte j of either half holds the codes of values j, j + 32, j + 64 and
 * j + 96. Source of the layout: ggml-quants.c, quantize_row_tq2_0_ref (llama.cpp v0.5.0).
 */
export const tq2_0 = tritTwin({
  bytes: 64,
  pack(codes, out) {
    out.fill(0);
    for (let i = 0; i < 256; i++) out[placeOf(i)]! |= codes[i]! << shiftOf(i);
  },
  unpack(bytes, codes) {
    for (let i = 0; i < 256; i++) codes[i] = (bytes[placeOf(i)]! >> shiftOf(i)) & 3;
  },
});

const placeOf = (i: number) => (i >> 7) * 32 + (i & 31);
const shiftOf = (i: number) => ((i >> 5) & 3) * 2;
