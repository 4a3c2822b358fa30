import { type KernelModule, loadKernel } from '../kernel-module.ts';
import { type BlockKernelName, blockKernels } from './block-kernels.ts';
import type { BlockSearch } from './block-twin.ts';

/** What every module of block formats exports; see ../assembly/shared/block-io.ts. */
interface Shared {
  workspace(): number;
  /** Builds the module's tables; absent where it has none. */
  prepare?(): void;
  widenFloat16(from: number, to: number, count: number): void;
  widenFiniteFloat16(from: number, to: number, count: number): void;
  widenBfloat16(from: number, to: number, count: number): void;
  narrowFloat16(from: number, to: number, count: number): void;
  narrowBfloat16(from: number, to: number, count: number): void;
  largest16(from: number, count: number): number;
  largest32(from: number, count: number): number;
  firstNotFinite(values: number, count: number): number;
}
type Encode = (
  values: number,
  bytes: number,
  rows: number,
  length: number,
  importance: number,
  best: boolean,
) => void;
type Decode = (bytes: number, values: number, count: number) => void;
type Exports = Shared & Readonly<Record<string, Encode | Decode>>;

const instances = new Map<() => Promise<{ readonly wasm: string }>, Promise<KernelModule<Exports>>>();

/** One instance per family and thread: its memory is its own, so threads share nothing. */
function instanceOf(name: BlockKernelName): Promise<KernelModule<Exports>> {
  const { module } = blockKernels[name];
  let instance = instances.get(module);
  if (instance === undefined) {
    instance = module()
      .then(({ wasm }) => loadKernel<Exports>(wasm, 0))
      .then((loaded) => {
        loaded.call.prepare?.();
        return loaded;
      });
    instances.set(module, instance);
  }
  return instance;
}

const aligned = (byteLength: number): number => (byteLength + 16 + 63) & ~63;

/** How stored floats look before they are widened. */
export type StoredFloat = 'float32' | 'float16' | 'bfloat16';

/** Bits of infinity, and of 2^15: scales are stored as float16, which holds those of values below for certain. */
const limits: Readonly<Record<StoredFloat, { readonly infinity: number; readonly large: number }>> = {
  float32: { infinity: 0x7f800000, large: 0x47000000 },
  float16: { infinity: 0x7c00, large: 0x7800 },
  bfloat16: { infinity: 0x7f80, large: 0x4700 },
};

/** A type's encoder with a place in the kernel's memory for one tile: nothing is copied that need not be. */
export interface BlockCoder {
  /** Where the caller puts [rows, length] stored floats; valid until the next call of any coder of the family. */
  input(rows: number, length: number, stored: StoredFloat, importance?: Float32Array): Uint8Array;
  /**
   * Encodes what was put into `input`. The result is a view: copy or write it before the next call.
   * A value that is NaN or Inf stops it: then the result is its index.
   * @param refuseOverflow also one that the type cannot hold, so that its block would come back as Inf or NaN
   */
  encode(search: BlockSearch, refuseOverflow?: boolean): Uint8Array | number;
  /** Decodes blocks to [count] floats of `stored`; a view, as above. */
  decode(bytes: Uint8Array, count: number, stored?: StoredFloat): Uint8Array;
}

/** The SIMD kernel of one ggml type. */
export async function blockCoder(name: BlockKernelName): Promise<BlockCoder> {
  const { call, memory } = await instanceOf(name);
  const { values: blockValues, bytes: blockBytes } = blockKernels[name];
  const encode = call[`encode_${name}`] as Encode;
  const decode = call[`decode_${name}`] as Decode;
  const start = call.workspace();

  const view = (at: number, length: number) => new Uint8Array(memory.buffer, at, length);
  const reserve = (end: number) => {
    const missing = end - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65536));
  };

  let tile: {
    rows: number;
    length: number;
    stored: StoredFloat;
    importance: number;
    raw: number;
    values: number;
  };
  return {
    input(rows, length, stored, importance) {
      const count = rows * length;
      const values = start + aligned(length * 4);
      // Narrow floats wait where the blocks will be written: they are read before the first block is.
      const raw = stored === 'float32' ? values : values + aligned(count * 4);
      reserve(values + aligned(count * 4) + aligned(count * 2 + length));
      if (importance) new Float32Array(memory.buffer, start, length).set(importance);
      tile = { rows, length, stored, importance: importance ? start : 0, raw, values };
      return view(raw, count * (stored === 'float32' ? 4 : 2));
    },
    encode(search, refuseOverflow = false) {
      const { rows, length, stored, importance, raw, values } = tile;
      const count = rows * length;
      const { infinity, large } = limits[stored];
      const largest = stored === 'float32' ? call.largest32(raw, count) : call.largest16(raw, count);
      if (stored === 'bfloat16') call.widenBfloat16(raw, values, count);
      if (stored === 'float16') {
        if (largest < infinity) call.widenFiniteFloat16(raw, values, count);
        else call.widenFloat16(raw, values, count);
      }
      if (largest >= infinity) return call.firstNotFinite(values, count);
      const bytes = values + aligned(count * 4);
      encode(values, bytes, rows, length, importance, search === 'best');
      if (refuseOverflow && largest >= large) {
        // A scale that became Inf makes its block so; the values are no longer needed.
        decode(bytes, values, count);
        const bad = call.firstNotFinite(values, count);
        if (bad >= 0) return bad;
      }
      return view(bytes, (count / blockValues) * blockBytes);
    },
    decode(bytes, count, stored = 'float32') {
      const values = start + aligned(bytes.byteLength);
      const narrow = values + aligned(count * 4);
      reserve(narrow + aligned(count * 2));
      view(start, bytes.byteLength).set(bytes);
      decode(start, values, count);
      if (stored === 'float32') return view(values, count * 4);
      if (stored === 'float16') call.narrowFloat16(values, narrow, count);
      else call.narrowBfloat16(values, narrow, count);
      return view(narrow, count * 2);
    },
  };
}
