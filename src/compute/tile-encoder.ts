import type { StoredType } from '../files/index.ts';
import { type BlockCoder, blockCoder, type StoredFloat } from '../kernels/ggml/block-coder.ts';
import { type BlockKernelName, blockKernels } from '../kernels/ggml/block-kernels.ts';
import type { BlockSearch } from '../kernels/ggml/block-twin.ts';
import { floatCoder } from '../kernels/ggml/float-coder.ts';
import { byteLengthOf, type DType, tensorFromBytes } from '../tensor/index.ts';

// Threads start with this file: it imports no more than they need.

/** Turns stored rows of one type into stored rows of another. */
export interface TileEncoder {
  /** Where the caller puts the bytes of [rows, rowLength] values; valid until the next call of any encoder. */
  input(rows: number, rowLength: number, importance?: Float32Array): Uint8Array;
  /**
   * The rows that were put into `input` as the other type; a view, valid as long. The index of a value that cannot be
   * stored (it is NaN or Inf, or too large for the type) is the result instead.
   */
  encode(): Uint8Array | number;
}

const isFloat = (type: StoredType): type is StoredFloat =>
  type === 'float32' || type === 'float16' || type === 'bfloat16';

const isBlocks = (type: StoredType): type is BlockKernelName => Object.hasOwn(blockKernels, type);

/** Bytes that are kept between calls: tiles have one size but for the last. */
function scratch(): (byteLength: number) => Uint8Array {
  let buffer = new Uint8Array(0);
  return (byteLength) => {
    if (buffer.byteLength < byteLength) buffer = new Uint8Array(byteLength);
    return buffer.subarray(0, byteLength);
  };
}

/** Compiles what is needed to go from one stored type to another. */
export async function tileEncoder(
  from: StoredType,
  to: StoredType,
  search: BlockSearch,
): Promise<TileEncoder> {
  if (isFloat(from) && isFloat(to)) return betweenFloats(from, to);
  if (from === to) return asItIs(from);
  const encode = isBlocks(to) ? await blockCoder(to) : undefined;
  if (encode !== undefined && isFloat(from)) {
    return {
      input: (rows, rowLength, importance) => encode.input(rows, rowLength, from, importance),
      encode: () => encode.encode(search, true),
    };
  }
  const values = isBlocks(from) ? decoded(await blockCoder(from)) : await converted(from as DType);
  const target = encode === undefined ? await betweenFloats('float32', to as StoredFloat) : undefined;
  const bytes = scratch();
  let tile: { rows: number; rowLength: number; importance: Float32Array | undefined; stored: Uint8Array };
  return {
    input(rows, rowLength, importance) {
      const stored = bytes(rows * byteSize(from, rowLength));
      tile = { rows, rowLength, importance, stored };
      return stored;
    },
    encode() {
      const { rows, rowLength, importance, stored } = tile;
      const floats = values(stored, rows * rowLength);
      if (encode === undefined) {
        target!.input(rows, rowLength).set(floats);
        return target!.encode();
      }
      encode.input(rows, rowLength, 'float32', importance).set(floats);
      return encode.encode(search, true);
    },
  };
}

/** Float bytes as they came, or as another float type; either way looked through for NaN and Inf. */
async function betweenFloats(from: StoredFloat, to: StoredFloat): Promise<TileEncoder> {
  const coder = await floatCoder();
  return {
    input: (rows, rowLength) => coder.input(rows * rowLength, from),
    encode: () => coder.convert(to),
  };
}

function asItIs(type: StoredType): TileEncoder {
  const bytes = scratch();
  let tile = bytes(0);
  return {
    input: (rows, rowLength) => (tile = bytes(rows * byteSize(type, rowLength))),
    encode: () => tile,
  };
}

type Floats = (stored: Uint8Array, count: number) => Uint8Array;

/** Float32 values of blocks, out of the kernel's memory: the encoder of the same family works in it too. */
function decoded(coder: BlockCoder): Floats {
  const values = scratch();
  return (stored, count) => {
    const floats = values(count * 4);
    floats.set(coder.decode(stored, count));
    return floats;
  };
}

/** The values of any real element type as float32. */
async function converted(from: DType): Promise<Floats> {
  const { toFloat32 } = await import('../numerics/index.ts');
  return (stored, count) => {
    const values = toFloat32(tensorFromBytes(from as Exclude<DType, 'string'>, [count], stored));
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  };
}

/** Bytes of `count` values of a type. */
function byteSize(type: StoredType, count: number): number {
  if (!isBlocks(type)) return byteLengthOf(type as DType, count);
  const { values, bytes } = blockKernels[type];
  return (count / values) * bytes;
}
