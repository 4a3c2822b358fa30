import { loadKernel } from '../kernel-module.ts';
import type { StoredFloat } from './block-coder.ts';

/** The conversions that every module of block formats carries; see ../assembly/shared/block-io.ts. */
interface Conversions {
  workspace(): number;
  widenFloat16(from: number, to: number, count: number): void;
  widenBfloat16(from: number, to: number, count: number): void;
  narrowFloat16(from: number, to: number, count: number): void;
  narrowBfloat16(from: number, to: number, count: number): void;
  firstNotFinite(values: number, count: number): number;
}

/** Between the float types that files hold, with a place for one tile in the kernel's memory. */
export interface FloatCoder {
  /** Where the caller puts `count` floats of `stored`; valid until the next call. */
  input(count: number, stored: StoredFloat): Uint8Array;
  /**
   * What was put into `input` as floats of `to`, to nearest even; a view. The index of a value that is NaN or Inf,
   * or becomes Inf because `to` cannot hold it, is the result instead.
   */
  convert(to: StoredFloat): Uint8Array | number;
}

const sizes: Readonly<Record<StoredFloat, number>> = { float32: 4, float16: 2, bfloat16: 2 };
const aligned = (byteLength: number): number => (byteLength + 16 + 63) & ~63;

let instance: Promise<FloatCoder> | undefined;

/** The SIMD conversions; one instance per thread. */
export function floatCoder(): Promise<FloatCoder> {
  instance ??= create();
  return instance;
}

async function create(): Promise<FloatCoder> {
  const { wasm } = await import('../generated/ggml-legacy.ts');
  const { call, memory } = await loadKernel<Conversions>(wasm, 0);
  const raw = call.workspace();
  let [count, from]: [number, StoredFloat] = [0, 'float32'];

  const widen = (type: StoredFloat, at: number, to: number) =>
    type === 'float16' ? call.widenFloat16(at, to, count) : call.widenBfloat16(at, to, count);
  return {
    input(length, stored) {
      [count, from] = [length, stored];
      const missing = raw + 3 * aligned(length * 4) - memory.buffer.byteLength;
      if (missing > 0) memory.grow(Math.ceil(missing / 65536));
      return new Uint8Array(memory.buffer, raw, length * sizes[stored]);
    },
    convert(to) {
      const values = from === 'float32' ? raw : raw + aligned(count * 4);
      const result = raw + 2 * aligned(count * 4);
      if (from !== 'float32') widen(from, raw, values);
      const bad = call.firstNotFinite(values, count);
      if (bad >= 0) return bad;
      // The same type: the bytes as they came.
      if (to === from) return new Uint8Array(memory.buffer, raw, count * sizes[to]);
      if (to === 'float32') return new Uint8Array(memory.buffer, values, count * 4);
      if (to === 'float16') call.narrowFloat16(values, result, count);
      else call.narrowBfloat16(values, result, count);
      // Values beyond the range of `to` have become Inf. The values themselves are no longer needed.
      widen(to, result, values);
      const beyond = call.firstNotFinite(values, count);
      return beyond >= 0 ? beyond : new Uint8Array(memory.buffer, result, count * sizes[to]);
    },
  };
}
