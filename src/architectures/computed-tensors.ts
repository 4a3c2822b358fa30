import { concatenate, rowCountOf, rowLengthOf, storedBytes, type TensorSource } from '../files/index.ts';
import { toFloat32 } from '../numerics/index.ts';
import { type DType, tensorFromBytes } from '../tensor/index.ts';

/** Values of rows [from, to) as float32. */
export async function readValues(tensor: TensorSource, from: number, to: number): Promise<Float32Array> {
  const bytes = await tensor.read(from, to);
  const count = (to - from) * rowLengthOf(tensor.shape);
  return toFloat32(tensorFromBytes(tensor.type as Exclude<DType, 'string'>, [count], bytes));
}

/** The bytes of values; a view. */
export const bytesOf = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** (value + add) * multiply of every value, in float32. */
export function affineTensor(
  tensor: TensorSource,
  name: string,
  shape: readonly number[],
  { add = 0, multiply = 1 }: { readonly add?: number; readonly multiply?: number },
): TensorSource {
  return {
    name,
    shape,
    type: 'float32',
    async read(from, to) {
      const values = Float32Array.from(await readValues(tensor, from, to));
      for (let i = 0; i < values.length; i++) values[i] = Math.fround(values[i]! + add) * multiply;
      return bytesOf(values);
    },
  };
}

/** A vector whose values change places: value i of the result is value order(i). */
export function reorderedVector(
  tensor: TensorSource,
  name: string,
  shape: readonly number[],
  order: (index: number) => number,
): TensorSource {
  const size = storedBytes(tensor.type, 1);
  return {
    name,
    shape,
    type: tensor.type,
    async read(from, to) {
      const bytes = await tensor.read(from, to);
      const out = new Uint8Array(bytes.byteLength);
      for (let i = 0; i * size < bytes.byteLength; i++) {
        const source = order(i) * size;
        for (let b = 0; b < size; b++) out[i * size + b] = bytes[source + b]!;
      }
      return out;
    },
  };
}

/** Of a transposed tensor, what is kept at once: most are smaller and so are read once. */
const BAND_BYTES = 2 ** 26;
/** Read at once while a band is made. */
const CHUNK_BYTES = 2 ** 22;

/** Some rows of a transposed tensor, in memory or on their way. */
export interface BandSlot {
  owner?: TensorSource | undefined;
  from?: number;
  band?: Promise<Uint8Array>;
}

/**
 * [in, out] as [out, in]. A row of the result has a value of every row of the tensor, so rows are made in bands of up
 * to 64 MB, and the last one is kept until another tensor sharing the slot is read: memory does not grow with the
 * model, and tensors up to that size are read once.
 */
export function transposedTensor(
  tensor: TensorSource,
  name: string,
  shape: readonly number[],
  slot: BandSlot,
  bandBytes = BAND_BYTES,
): TensorSource {
  const size = storedBytes(tensor.type, 1);
  const [rows, columns] = [rowCountOf(tensor.shape), rowLengthOf(tensor.shape)];
  const rowBytes = rows * size;
  const bandRows = Math.max(1, Math.min(columns, Math.floor(bandBytes / rowBytes)));
  const makeBand = async (first: number): Promise<Uint8Array> => {
    const last = Math.min(columns, first + bandRows);
    const out = new Uint8Array((last - first) * rowBytes);
    const step = Math.max(1, Math.floor(CHUNK_BYTES / (columns * size)));
    for (let row = 0; row < rows; row += step) {
      const to = Math.min(rows, row + step);
      const bytes = await tensor.read(row, to);
      for (let r = row; r < to; r++)
        copyColumn(bytes, ((r - row) * columns + first) * size, out, r * size, last - first);
    }
    return out;
  };
  const copyColumn = (from: Uint8Array, source: number, to: Uint8Array, target: number, count: number) => {
    for (let i = 0; i < count; i++) {
      for (let b = 0; b < size; b++) to[target + i * rowBytes + b] = from[source + i * size + b]!;
    }
  };
  const self: TensorSource = {
    name,
    shape,
    type: tensor.type,
    async read(from, to) {
      const parts: Uint8Array[] = [];
      for (let row = from; row < to; ) {
        const first = row - (row % bandRows);
        if (slot.owner !== self || slot.from !== first) {
          Object.assign(slot, { owner: self, from: first, band: makeBand(first) });
        }
        const band = await slot.band!.catch((error) => {
          slot.owner = undefined;
          throw error;
        });
        const end = Math.min(to, first + bandRows);
        parts.push(band.subarray((row - first) * rowBytes, (end - first) * rowBytes));
        row = end;
      }
      return concatenate(parts, (to - from) * rowBytes);
    },
  };
  return self;
}
