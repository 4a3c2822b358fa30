import type { ByteSource } from '../files/index.ts';
import {
  byteLengthOf,
  type DTypeArrays,
  elementCount,
  fail,
  tensorFromBytes,
  zeros,
} from '../tensor/index.ts';

/** Element types that data files hold. */
export const rowDTypes = [
  'uint8',
  'int8',
  'uint16',
  'int16',
  'uint32',
  'int32',
  'uint64',
  'int64',
  'float16',
  'bfloat16',
  'float32',
  'float64',
  'bool',
] as const;
export type RowDType = (typeof rowDTypes)[number];

export type RowArray = DTypeArrays[RowDType];

/** Order of the axes of a picture: one row is [H, W, C] or [C, H, W]. */
export type PictureLayout = 'NHWC' | 'NCHW';

/** Consecutive rows, row-major. `lengths` says how long each one is where they differ. */
export interface RowBlock {
  readonly data: RowArray;
  readonly lengths?: Int32Array;
}

/** What every reader gives: one row per sample, read in ranges, nothing kept. */
export interface Rows {
  /** Where they come from, for messages. */
  readonly source: string;
  readonly count: number;
  readonly dtype: RowDType;
  /** Shape of one row; undefined where rows are lists of different lengths. */
  readonly dims: readonly number[] | undefined;
  /** Axis order, where the format fixes it. */
  readonly layout?: PictureLayout;
  /** Text of the labels, where the format has it (class folders). */
  readonly names?: readonly string[];
  /** Longest row, where lengths differ. */
  readonly longest?: number;
  read(start: number, count: number): Promise<RowBlock>;
}

/** Sees bytes as elements; copies where they are not aligned, and where big-endian ones are turned round. */
export function rowArrayFrom(dtype: RowDType, bytes: Uint8Array, bigEndian = false): RowArray {
  const unit = byteLengthOf(dtype, 1);
  const own = bigEndian ? bytes.slice() : bytes;
  if (bigEndian) {
    for (let at = 0; at + unit <= own.length; at += unit) own.subarray(at, at + unit).reverse();
  }
  return tensorFromBytes(dtype, [own.length / unit], own).data;
}

export interface StridedRows {
  readonly source: ByteSource;
  /** Byte where the first row starts. */
  readonly offset: number;
  readonly count: number;
  readonly dtype: RowDType;
  readonly dims: readonly number[];
  /** Bytes from one row to the next; default: rows lie end to end. */
  readonly stride?: number;
  readonly bigEndian?: boolean;
  readonly layout?: PictureLayout;
}

/**
 * Rows at fixed distances in a file: raw arrays, npy, idx, safetensors, CIFAR records.
 * @throws data/truncated when the file is shorter than its rows.
 */
export function stridedRows(request: StridedRows): Rows {
  const { source, offset, count, dtype, dims, bigEndian = false, layout } = request;
  const rowBytes = byteLengthOf(dtype, elementCount(dims));
  const stride = request.stride ?? rowBytes;
  const wanted = count === 0 ? offset : offset + (count - 1) * stride + rowBytes;
  if (!(wanted <= source.size)) fail('data/truncated', { file: source.name, got: source.size, wanted });
  return {
    source: source.name,
    count,
    dtype,
    dims,
    layout,
    async read(start, number) {
      const bytes = await source.read(offset + start * stride, (number - 1) * stride + rowBytes);
      if (stride === rowBytes) return { data: rowArrayFrom(dtype, bytes, bigEndian) };
      const packed = new Uint8Array(number * rowBytes);
      for (let row = 0; row < number; row++) {
        packed.set(bytes.subarray(row * stride, row * stride + rowBytes), row * rowBytes);
      }
      return { data: rowArrayFrom(dtype, packed, bigEndian) };
    },
  };
}

/** Several files one after another; their rows must look the same. */
export function concatenateRows(parts: readonly Rows[]): Rows {
  const first = parts[0]!;
  if (parts.length === 1) return first;
  const starts = [0];
  for (const part of parts) {
    const same = part.dtype === first.dtype && String(part.dims) === String(first.dims);
    if (!same) fail('data/parts-differ', { first: describeRows(first), other: describeRows(part) });
    starts.push(starts.at(-1)! + part.count);
  }
  return {
    ...first,
    source: `${first.source} and ${parts.length - 1} more`,
    count: starts.at(-1)!,
    longest: first.dims === undefined ? Math.max(...parts.map((p) => p.longest ?? 0)) : undefined,
    async read(start, count) {
      const blocks: RowBlock[] = [];
      for (const [index, part] of parts.entries()) {
        const from = Math.max(start, starts[index]!);
        const to = Math.min(start + count, starts[index + 1]!);
        if (from < to) blocks.push(await part.read(from - starts[index]!, to - from));
      }
      return blocks.length === 1 ? blocks[0]! : joinBlocks(first.dtype, blocks);
    },
  };
}

function joinBlocks(dtype: RowDType, blocks: readonly RowBlock[]): RowBlock {
  const data = zeros(
    dtype,
    blocks.reduce((sum, b) => sum + b.data.length, 0),
  );
  let at = 0;
  for (const block of blocks) {
    (data as Uint8Array).set(block.data as Uint8Array, at);
    at += block.data.length;
  }
  const lengths = blocks.every((b) => b.lengths !== undefined)
    ? Int32Array.from(blocks.flatMap((b) => [...b.lengths!]))
    : undefined;
  return { data, lengths };
}

/** 'images.u8: 1000 rows of uint8 [32, 32, 3]', for messages. */
export function describeRows(rows: Rows): string {
  const shape = rows.dims === undefined ? 'of different lengths' : `[${rows.dims.join(', ')}]`;
  return `${rows.source}: ${rows.count} rows of ${rows.dtype} ${shape}`;
}
