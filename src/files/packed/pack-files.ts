import {
  countBytes,
  crc32,
  type ElementBytes,
  entropyBits,
  entropyEncodeBytes,
  unpackBits,
} from '../../numerics/index.ts';
import { type DType, dtypes, elementCount, throwIfAborted } from '../../tensor/index.ts';
import type { ByteSink, ByteSource } from '../bytes.ts';
import { concatenate } from '../concatenate.ts';
import { type FileTensorSpec, fileTensor } from '../file-tensor.ts';
import type { TensorRange } from '../onnx/tensor-ranges.ts';
import { safetensorsTypeOf } from '../safetensors/dtype-names.ts';
import { storedBytes } from '../stored-size.ts';
import type { TensorSource } from '../tensor-source.ts';
import {
  CHECKED_BYTES,
  PACKED_VERSION,
  type PackedDescription,
  type PackedFile,
  type PackedPart,
} from './packed-description.ts';

/** Smaller tensors stay with the bytes around them: their names in a header would take as much. */
const LEAST_BYTES = 1024;
/** Read at a time between tensors. */
const TILE_BYTES = 2 ** 22;

/** A file and the tensors in it. */
export interface FileToPack {
  readonly name: string;
  readonly source: ByteSource;
  /** In any order; what lies in another's bytes or past the end is left where it is. */
  readonly ranges: readonly TensorRange[];
}

/** What a tensor took before and takes now. */
export interface PackedTensor {
  readonly name: string;
  readonly dtype: string;
  readonly dims: readonly number[];
  readonly values: number;
  readonly fromBytes: number;
  readonly sizeBytes: number;
  /** 8 x sizeBytes / values. */
  readonly bitsPerWeight: number;
  /** Of the stored elements: the least for a static table. Wider than 16 bits: of their bytes apart. */
  readonly entropyBits: number;
}

/** Files as tensors that lie in a spool, in order, and what they are. */
export interface PackedFiles {
  readonly description: PackedDescription;
  /** The tensors of the container; `spool` is what was written to the sink. */
  tensors(spool: ByteSource): TensorSource[];
  readonly report: readonly PackedTensor[];
}

type Spooled = Omit<FileTensorSpec, 'source'>;

/**
 * Takes files apart: each tensor that shrinks is written entropy-coded to the sink, the others as they are, and then
 * all that lies between them. One tensor is in memory at a time.
 */
export async function packFiles(
  files: readonly FileToPack[],
  sink: ByteSink,
  options: { readonly signal?: AbortSignal; readonly onBytes?: (done: number) => void } = {},
): Promise<PackedFiles> {
  const spooled: Spooled[] = [];
  const report: PackedTensor[] = [];
  const names = new Set<string>();
  const described: PackedFile[] = [];
  const spool = async (spec: Omit<Spooled, 'offset'>, bytes: Uint8Array) => {
    spooled.push({ ...spec, offset: sink.size });
    await sink.write(bytes);
  };
  const put = async (
    name: string,
    plain: Pick<Spooled, 'shape' | 'type'>,
    bytes: Uint8Array,
    width: ElementBytes,
  ) => {
    const coded = await entropyEncodeBytes(bytes, width);
    const smaller = coded.bytes.length < bytes.length;
    if (smaller) await spool({ name, shape: [coded.bytes.length], type: 'uint8' }, coded.bytes);
    else await spool({ name, ...plain }, bytes);
    const how = smaller ? { coded: width } : { crc32: checksumsOf(bytes) };
    return { coded, how, sizeBytes: smaller ? coded.bytes.length : bytes.length };
  };
  for (const { name: file, source, ranges } of files) {
    const parts: PackedPart[] = [];
    const gaps: Uint8Array[] = [];
    let at = 0;
    let gapBytes = 0;
    const keepUntil = async (end: number) => {
      for (; at < end; at += Math.min(TILE_BYTES, end - at)) {
        const gap = await source.read(at, Math.min(TILE_BYTES, end - at));
        gaps.push(gap.slice());
        gapBytes += gap.length;
      }
    };
    for (const range of apart(ranges, source.size)) {
      throwIfAborted(options.signal);
      await keepUntil(range.offset);
      const bytes = await source.read(range.offset, range.length);
      const tensor = unique(range.tensor || 'tensor', names);
      const width = widthOf(range);
      const { coded, how, sizeBytes } = await put(tensor, plainOf(range), bytes, width);
      const { offset, length } = range;
      const told = reportOf(range, bytes, sizeBytes, coded.entropyBits);
      const { dtype, dims, entropyBits: entropy } = told;
      parts.push({ tensor, offset, length, ...how, dtype, dims, entropy });
      report.push(told);
      at += length;
      options.onBytes?.(length);
    }
    await keepUntil(source.size);
    const tensor = unique(`lowbit.rest.${described.length}`, names);
    const rest = concatenate(gaps, gapBytes);
    const { how } = await put(tensor, { shape: [rest.length], type: 'uint8' }, rest, 1);
    options.onBytes?.(rest.length);
    described.push({
      name: file,
      sizeBytes: source.size,
      rest: { tensor, ...(how as Pick<PackedFile['rest'], 'coded' | 'crc32'>) },
      parts,
    });
  }
  return {
    description: { version: PACKED_VERSION, files: described },
    tensors: (source) => spooled.map((spec) => fileTensor({ ...spec, source })),
    report,
  };
}

/** One for every `CHECKED_BYTES`. */
function checksumsOf(bytes: Uint8Array): number[] {
  return Array.from({ length: Math.ceil(bytes.length / CHECKED_BYTES) }, (_, i) =>
    crc32(bytes.subarray(i * CHECKED_BYTES, (i + 1) * CHECKED_BYTES)),
  );
}

/** Large ranges inside the file that do not overlap, in order. */
function apart(ranges: readonly TensorRange[], size: number): TensorRange[] {
  let end = 0;
  return ranges
    .filter(({ offset, length }) => length >= LEAST_BYTES && offset >= 0 && offset + length <= size)
    .sort((a, b) => a.offset - b.offset || b.length - a.length)
    .filter(({ offset, length }) => {
      if (offset < end) return false;
      end = offset + length;
      return true;
    });
}

function unique(name: string, names: Set<string>): string {
  let own = name === '__metadata__' ? 'tensor' : name;
  for (let i = 2; names.has(own); i++) own = `${name}#${i}`;
  names.add(own);
  return own;
}

/** Bytes of an element; complex numbers are two. */
function widthOf({ dtype, length }: TensorRange): ElementBytes {
  const { bits, kind } = dtypes[dtype];
  const bytes = Math.max(1, bits / (kind === 'complex' ? 16 : 8)) as ElementBytes;
  return length % bytes === 0 ? bytes : 1;
}

/** As safetensors has it where it can; else as bytes. */
function plainOf({ dtype, dims, length }: TensorRange): Pick<Spooled, 'shape' | 'type'> {
  const fits =
    safetensorsTypeOf(dtype) !== undefined &&
    storedBytes(dtype, elementCount(dims)) === length &&
    !Number.isNaN(storedBytes(dtype, dims.at(-1) ?? 1));
  return fits ? { shape: dims, type: dtype } : { shape: [length], type: 'uint8' };
}

function reportOf(
  range: TensorRange,
  bytes: Uint8Array,
  sizeBytes: number,
  ofElements: number,
): PackedTensor {
  const { tensor: name, dtype, dims } = range;
  const values = elementCount(dims);
  return {
    name,
    dtype,
    dims,
    values,
    fromBytes: bytes.length,
    sizeBytes,
    bitsPerWeight: values === 0 ? 0 : (8 * sizeBytes) / values,
    entropyBits: entropyOf(dtype, bytes, ofElements),
  };
}

/** Packed elements below a byte are counted one by one. */
function entropyOf(dtype: DType, bytes: Uint8Array, ofElements: number): number {
  const { bits } = dtypes[dtype];
  if (bits >= 8) return ofElements;
  const codes = unpackBits(bytes, bits as 2 | 4, (bytes.length * 8) / bits, false);
  return entropyBits(countBytes(codes as Uint8Array));
}
