import type { ByteSource, Piece, TensorSource } from '../files/index.ts';
import { fromFloat32 } from '../numerics/index.ts';
import { bytesOf, seededRandom } from '../tensor/index.ts';

/** A tensor of random values in memory, [rows, rowLength] or a stack of such. */
export function randomTensor(
  name: string,
  shape: readonly number[],
  type: 'float32' | 'float16' | 'bfloat16' = 'float16',
): TensorSource & { readonly bytes: Uint8Array; readonly values: Float32Array } {
  const random = seededRandom(shape.reduce((sum, dim) => sum * 31 + dim, name.length));
  const count = shape.reduce((product, dim) => product * dim, 1);
  const values = Float32Array.from({ length: count }, () => (random() + random() - 1) / 8);
  const bytes = bytesOf(fromFloat32(values, shape, type)).slice();
  const rowBytes = bytes.byteLength / (count / shape.at(-1)!);
  return {
    name,
    shape,
    type,
    bytes,
    values,
    read: async (from, to) => bytes.subarray(from * rowBytes, to * rowBytes),
  };
}

/** The same tensor as it lies in a file, its rows at the given offsets or one after another from `offset` on. */
export function inFile(
  tensor: TensorSource,
  source: ByteSource,
  place: number | readonly number[],
): TensorSource {
  const { name, shape, type } = tensor;
  const rows = shape.slice(0, -1).reduce((product, dim) => product * dim, 1);
  const rowBytes = (shape.at(-1)! * { float32: 4, float16: 2, bfloat16: 2 }[type as 'float32'])!;
  const pieces = (from: number, to: number): Piece[] =>
    typeof place === 'number'
      ? [{ source, offset: place + from * rowBytes, length: (to - from) * rowBytes }]
      : place.slice(from, to).map((offset) => ({ source, offset, length: rowBytes }));
  return {
    name,
    shape,
    type,
    pieces,
    async read(from, to) {
      if (to > rows) throw new RangeError(`row ${to} of ${rows}`);
      const parts = await Promise.all(pieces(from, to).map((p) => p.source.read(p.offset, p.length)));
      return Uint8Array.from(parts.flatMap((part) => [...part]));
    },
  };
}
