/**
 * Range asymmetric numeral systems, rANS (Duda 2013, arXiv 1311.2540), over bytes with one static table: the
 * readable twin of `assembly/rans.ts`. Both write the same bytes.
 *
 * Sixteen states take turns: code i belongs to state i mod 16. A state x lies in [2^16, 2^32). To encode a code of
 * frequency f whose slots begin at s, of M = 2^bits slots in all:
 *   while x >= f 2^32 / M: write the low 16 bits of x, x >>= 16
 *   x = floor(x / f) M + x mod f + s
 * Decoding is the inverse, and therefore goes the other way: codes are encoded from the last to the first, words are
 * written from the end to the front. A stream is the sixteen states, 4 bytes each, then the words, all little-endian.
 */

/** How often each byte is expected. */
export interface RansTable {
  /** Frequencies sum to 2^bits; 8 to 14. */
  readonly bits: number;
  /** [256]; a byte of frequency 0 cannot be encoded. */
  readonly frequencies: Uint16Array;
}

/** Encodes and decodes one chunk with the table that was loaded last. */
export interface RansKernel {
  /** The table must sum to 2^bits. */
  load(table: RansTable): void;
  /** The stream of at most `ransChunk` codes, all of a frequency above 0. */
  encode(codes: Uint8Array): Uint8Array;
  /**
   * Fills `codes`, at most `ransChunk`. False when the stream is not exactly one of so many codes: too short, too
   * long, or damaged. Nothing outside the stream is read.
   */
  decode(stream: Uint8Array, codes: Uint8Array): boolean;
}

/** Codes of one stream at most: 128 Ki, so that threads can share the chunks of a tensor. */
export const ransChunk = 131_072;
/** States that take turns. */
export const ransStates = 16;
/** Most slots of a table, as a power of two. */
export const ransMaxBits = 14;
/** Bytes before the words. */
export const ransHeadBytes = 4 * ransStates;
/** Where every state begins, and where a whole stream leaves it. */
export const ransFloor = 2 ** 16;

/** Plain TypeScript: works everywhere, no set-up. */
export function createRansReference(): RansKernel {
  let bits = 8;
  let frequencies = new Uint16Array(256);
  const starts = new Uint16Array(256);
  const symbols = new Uint8Array(2 ** ransMaxBits);
  return {
    load(table) {
      ({ bits } = table);
      frequencies = table.frequencies.slice();
      for (let symbol = 0, at = 0; symbol < 256; symbol++) {
        starts[symbol] = at;
        symbols.fill(symbol, at, at + frequencies[symbol]!);
        at += frequencies[symbol]!;
      }
    },
    encode(codes) {
      const states = new Array<number>(ransStates).fill(ransFloor);
      const words: number[] = []; // last first
      for (let i = codes.length - 1; i >= 0; i--) {
        const frequency = frequencies[codes[i]!]!;
        let x = states[i % ransStates]!;
        if (x >= frequency * 2 ** (32 - bits)) {
          words.push(x % ransFloor);
          x = Math.floor(x / ransFloor);
        }
        states[i % ransStates] = Math.floor(x / frequency) * 2 ** bits + (x % frequency) + starts[codes[i]!]!;
      }
      const stream = new Uint8Array(ransHeadBytes + 2 * words.length);
      const view = new DataView(stream.buffer);
      for (const [i, x] of states.entries()) view.setUint32(4 * i, x, true);
      for (const [i, word] of words.reverse().entries()) view.setUint16(ransHeadBytes + 2 * i, word, true);
      return stream;
    },
    decode(stream, codes) {
      if (stream.length < ransHeadBytes || stream.length % 2 !== 0) return false;
      const view = new DataView(stream.buffer, stream.byteOffset, stream.length);
      const states = Array.from({ length: ransStates }, (_, i) => view.getUint32(4 * i, true));
      if (states.some((x) => x < ransFloor)) return false;
      let at = ransHeadBytes;
      for (let i = 0; i < codes.length; i++) {
        const x = states[i % ransStates]!;
        const slot = x % 2 ** bits;
        const symbol = symbols[slot]!;
        let next = frequencies[symbol]! * Math.floor(x / 2 ** bits) + slot - starts[symbol]!;
        if (next < ransFloor) {
          next = next * ransFloor + (at + 2 <= stream.length ? view.getUint16(at, true) : 0);
          at += 2;
        }
        codes[i] = symbol;
        states[i % ransStates] = next;
      }
      return at === stream.length && states.every((x) => x === ransFloor);
    },
  };
}
