import { tritTwin } from './trits.ref.ts';

/** Values start, start + step, .. are the trits of bytes that begin at `byte`; the last run has four trits a byte. */
const runs = [
  { start: 0, byte: 0, length: 32, trits: 5 },
  { start: 160, byte: 32, length: 16, trits: 5 },
  { start: 240, byte: 48, length: 4, trits: 4 },
] as const;

/**
 * TQ1_0: ternary values of 256, five to a byte: a number below 3^5 as a fraction of 256, rounded up, so that the
 * trits come out one after another by multiplying by 3. Source of the layout: ggml-quants.c,
 * quantize_row_tq1_0_ref (llama.cpp v0.5.0).
 */
export const tq1_0 = tritTwin({
  bytes: 52,
  pack(codes, out) {
    for (const { start, byte, length, trits } of runs) {
      for (let j = 0; j < length; j++) {
        let number = 0;
        for (let n = 0; n < 5; n++) number = number * 3 + (n < trits ? codes[start + n * length + j]! : 0);
        out[byte + j] = Math.ceil((number * 256) / 243);
      }
    }
  },
  unpack(bytes, codes) {
    for (const { start, byte, length, trits } of runs) {
      for (let j = 0; j < length; j++) {
        for (let n = 0; n < trits; n++)
          codes[start + n * length + j] = (((bytes[byte + j]! * 3 ** n) & 255) * 3) >> 8;
      }
    }
  },
});
