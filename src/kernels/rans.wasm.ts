import { loadKernel } from './kernel-module.ts';
import { type RansKernel, ransFloor, ransHeadBytes, ransStates } from './rans.ref.ts';

interface Exports {
  spans(): number;
  codes(): number;
  stream(): number;
  streamBytes(): number;
  memoryBytes(): number;
  load_(): void;
  encode(count: number, bits: number): number;
  decode(count: number, length: number, bits: number): number;
}

/** Bytes behind the end of a stream that must read as zeros: a round may look this far. */
const LOOK_AHEAD = 64;

/** The SIMD kernel of rANS; compiled at each call, so callers keep it. */
export async function createRansKernel(): Promise<RansKernel> {
  const { wasm } = await import('./generated/rans.ts');
  const module = await loadKernel<Exports>(wasm, 0);
  const { call } = module;
  const missing = call.memoryBytes() - module.memory.buffer.byteLength;
  if (missing > 0) module.memory.grow(Math.ceil(missing / 65536));
  const memory = new Uint8Array(module.memory.buffer);
  const spans = new Uint32Array(module.memory.buffer, call.spans(), 256);
  const room = memory.subarray(call.stream(), call.stream() + call.streamBytes());
  const padded = memory.subarray(call.stream(), call.stream() + call.streamBytes() + LOOK_AHEAD);
  const states = new Uint32Array(module.memory.buffer, call.stream(), ransStates);
  const at = call.codes();
  let bits = 8;
  return {
    load(table) {
      ({ bits } = table);
      for (let symbol = 0, start = 0; symbol < 256; symbol++) {
        spans[symbol] = table.frequencies[symbol]! | (start << 16);
        start += table.frequencies[symbol]!;
      }
      call.load_();
    },
    encode(codes) {
      memory.set(codes, at);
      const begin = call.encode(codes.length, bits);
      return memory.slice(begin, call.stream() + call.streamBytes());
    },
    decode(stream, codes) {
      const { length } = stream;
      if (length < ransHeadBytes || length % 2 !== 0) return false;
      // No stream of so many codes is longer: each asks for one word at most.
      if (length > ransHeadBytes + 2 * codes.length) return false;
      room.set(stream);
      padded.fill(0, length, ransHeadBytes + 2 * codes.length + LOOK_AHEAD);
      if (states.some((x) => x < ransFloor)) return false;
      const whole = call.decode(codes.length, length, bits) === 1;
      codes.set(memory.subarray(at, at + codes.length));
      return whole;
    },
  };
}
