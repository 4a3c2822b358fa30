/**
 * rANS over bytes with one static table; the readable twin is ../rans.ref.ts.
 *
 * Decoding keeps sixteen states in four vectors. A round takes one code from each: the slot of a state gives the
 * byte, the byte gives frequency and start, and the states that fell below 2^16 take the next words of the stream,
 * spread to their lanes by a shuffle chosen by the comparison's bit mask. No branch depends on the data.
 *
 * Memory: a table of shuffles, states, the bytes of the slots, frequencies and starts, codes, the stream. The stream
 * has room for two bytes per code, all that decoding can ask for, and what lies behind its end is zeros.
 */

const CHUNK: usize = 131072;
const STATES: usize = 16;
const SHUFFLES: usize = 1024; // 16 masks of 16 bytes
const HEAD: usize = SHUFFLES + 256; // 16 states of 4 bytes
const SPANS: usize = HEAD + 64; // 256 of (frequency | start << 16)
const SYMBOLS: usize = SPANS + 1024; // 2^14 bytes
const CODES: usize = SYMBOLS + 16384;
const STREAM: usize = CODES + CHUNK;
const STREAM_BYTES: usize = 4 * STATES + 2 * CHUNK;
const END: usize = STREAM + STREAM_BYTES;

const FLOOR: u32 = 65536;

export function spans(): usize {
  return SPANS;
}
export function codes(): usize {
  return CODES;
}
export function stream(): usize {
  return STREAM;
}
export function streamBytes(): usize {
  return STREAM_BYTES;
}
/** Bytes of memory wanted; reads of eight bytes may begin at the last word. */
export function memoryBytes(): usize {
  return END + 64;
}

/** Makes the bytes of the slots from 256 spans, which lie at `spans()`. Starts must ascend without gaps. */
export function load_(): void {
  let at: usize = SYMBOLS;
  for (let symbol: usize = 0; symbol < 256; symbol++) {
    const frequency = <usize>load<u16>(SPANS + (symbol << 2));
    memory.fill(at, <u8>symbol, frequency);
    at += frequency;
  }
  // Lane i of mask m takes the next word of the stream where bit i is set, else nothing.
  for (let mask: usize = 0; mask < 16; mask++) {
    let word: u32 = 0;
    for (let lane: usize = 0; lane < 4; lane++) {
      const at = SHUFFLES + (mask << 4) + (lane << 2);
      if ((mask >> lane) & 1) {
        store<u32>(at, 0x80800000 | ((word + 1) << 8) | word);
        word += 2;
      } else {
        store<u32>(at, 0x80808080);
      }
    }
  }
}

/** Encodes the first `count` codes; gives where the stream begins: it ends at the end of the stream's room. */
export function encode(count: i32, bits: i32): usize {
  for (let i: usize = 0; i < STATES; i++) store<u32>(HEAD + (i << 2), FLOOR);
  const room = <u64>1 << (32 - bits);
  let at: usize = END;
  for (let i: i32 = count - 1; i >= 0; i--) {
    const state = HEAD + (<usize>(i & 15) << 2);
    const span = load<u32>(SPANS + (<usize>load<u8>(CODES + <usize>i) << 2));
    const frequency = span & 0xffff;
    let x = load<u32>(state);
    // Written always, kept only when it must be.
    const full = <u64>x >= <u64>frequency * room;
    store<u16>(at - 2, <u16>x);
    at -= <usize>full << 1;
    x = full ? x >> 16 : x;
    const quotient = x / frequency;
    store<u32>(state, (quotient << bits) + (x - quotient * frequency) + (span >> 16));
  }
  at -= 64;
  memory.copy(at, HEAD, 64);
  return at;
}

/**
 * Decodes `count` codes of the stream, whose bytes behind its `length` are zeros as far as `streamBytes()`.
 * Gives 1 when the stream ends just there and every state is back where it began.
 */
export function decode(count: i32, length: i32, bits: i32): i32 {
  const mask = i32x4.splat((1 << bits) - 1);
  let a = v128.load(STREAM);
  let b = v128.load(STREAM, 16);
  let c = v128.load(STREAM, 32);
  let d = v128.load(STREAM, 48);
  let at = STREAM + 64;
  let out = CODES;
  const whole = CODES + (<usize>count & ~15);
  for (; out < whole; out += 16) {
    a = take(v128.and(a, mask), a, bits, out);
    let low = lows(a);
    a = refill(a, low, at);
    at += <usize>i32.popcnt(i32x4.bitmask(low)) << 1;

    b = take(v128.and(b, mask), b, bits, out + 4);
    low = lows(b);
    b = refill(b, low, at);
    at += <usize>i32.popcnt(i32x4.bitmask(low)) << 1;

    c = take(v128.and(c, mask), c, bits, out + 8);
    low = lows(c);
    c = refill(c, low, at);
    at += <usize>i32.popcnt(i32x4.bitmask(low)) << 1;

    d = take(v128.and(d, mask), d, bits, out + 12);
    low = lows(d);
    d = refill(d, low, at);
    at += <usize>i32.popcnt(i32x4.bitmask(low)) << 1;
  }
  v128.store(HEAD, a);
  v128.store(HEAD, b, 16);
  v128.store(HEAD, c, 32);
  v128.store(HEAD, d, 48);
  const slots: u32 = (1 << bits) - 1;
  for (let state = HEAD; out < CODES + <usize>count; out++, state += 4) {
    let x = load<u32>(state);
    const slot = x & slots;
    const symbol = load<u8>(<usize>slot, SYMBOLS);
    const span = load<u32>(<usize>symbol << 2, SPANS);
    x = (span & 0xffff) * (x >> bits) + slot - (span >> 16);
    if (x < FLOOR) {
      x = (x << 16) | load<u16>(at);
      at += 2;
    }
    store<u8>(out, symbol);
    store<u32>(state, x);
  }
  const floor = i32x4.splat(FLOOR);
  const kept = v128.and(
    v128.and(i32x4.eq(v128.load(HEAD), floor), i32x4.eq(v128.load(HEAD, 16), floor)),
    v128.and(i32x4.eq(v128.load(HEAD, 32), floor), i32x4.eq(v128.load(HEAD, 48), floor)),
  );
  return i32(at == STREAM + <usize>length && i32x4.all_true(kept));
}

/** One code of four states: writes the bytes, gives the states before they are refilled. */
// @ts-ignore: decorator
@inline function take(slot: v128, x: v128, bits: i32, out: usize): v128 {
  const even = i64x2.extract_lane(slot, 0);
  const odd = i64x2.extract_lane(slot, 1);
  const s0 = <usize>load<u8>(<usize>(<u32>even), SYMBOLS);
  const s1 = <usize>load<u8>(<usize>(even >>> 32), SYMBOLS);
  const s2 = <usize>load<u8>(<usize>(<u32>odd), SYMBOLS);
  const s3 = <usize>load<u8>(<usize>(odd >>> 32), SYMBOLS);
  store<u8>(out, <u8>s0);
  store<u8>(out, <u8>s1, 1);
  store<u8>(out, <u8>s2, 2);
  store<u8>(out, <u8>s3, 3);
  let span = v128.load32_zero(s0 << 2, SPANS);
  span = v128.load_lane<u32>(s1 << 2, span, 1, SPANS);
  span = v128.load_lane<u32>(s2 << 2, span, 2, SPANS);
  span = v128.load_lane<u32>(s3 << 2, span, 3, SPANS);
  const frequency = v128.and(span, i32x4.splat(0xffff));
  return i32x4.sub(
    i32x4.add(i32x4.mul(frequency, i32x4.shr_u(x, bits)), slot),
    i32x4.shr_u(span, 16),
  );
}

/** All ones where a state fell below 2^16. */
// @ts-ignore: decorator
@inline function lows(x: v128): v128 {
  return i32x4.eq(i32x4.shr_u(x, 16), i32x4.splat(0));
}

/** States that fell take the next words. */
// @ts-ignore: decorator
@inline function refill(x: v128, low: v128, at: usize): v128 {
  const shuffle = v128.load(<usize>i32x4.bitmask(low) << 4, SHUFFLES);
  const words = i8x16.swizzle(v128.load64_zero(at), shuffle);
  return v128.or(v128.bitselect(i32x4.shl(x, 16), x, low), words);
}
