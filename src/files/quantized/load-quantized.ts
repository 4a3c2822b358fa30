import {
  type Codes,
  type CompositeTensor,
  crc32,
  type DoubleQuantization,
  decodeScales,
  entropyDecode,
  formats,
  type LowRank,
  type NumberFormat,
  perGroup,
  type QuantizedScales,
  type QuantizedTensor,
  type Scheme,
  type SparseOutliers,
  scaleDims,
  toFloat32,
  totalCodes,
} from '../../numerics/index.ts';
import { type DType, elementCount, fail, type Tensor, tensorFromBytes } from '../../tensor/index.ts';
import { rowCountOf, type TensorSource } from '../tensor-source.ts';
import { scaleTypes } from './scale-storage.ts';
import { partNames, type QuantizedEntry, schemeOf } from './tensor-entry.ts';

/** Types that the entries of books are stored in. */
const bookTypes = ['float32', 'float16', 'bfloat16'] as const;

/** Codes that one stored byte can stand for: a chunk of 2^17 equal codes takes 68 bytes. */
const MOST_CODES_PER_BYTE = 2048;

/**
 * Reads a quantized tensor back: exactly what was stored. Every part is held against the shape and the scheme before
 * its bytes are read, and its bytes against their checksum.
 * @throws quantized/tensor when a part is missing, has another type or size, or means nothing; entropy/stream; quantized/damaged
 */
export async function loadQuantized(
  name: string,
  entry: QuantizedEntry,
  tensors: ReadonlyMap<string, TensorSource>,
  file: string,
): Promise<CompositeTensor> {
  const { scheme } = schemeOf(entry);
  const { double, outliers, lowRank, ...plain } = scheme;
  const parts = new Parts(name, tensors, file, entry.crc32);
  const scales = double && (await loadScales(parts, entry, plain, double));
  const base = await loadPlain(
    parts,
    plain,
    entry.dims,
    '',
    scales && decodeScales(scales),
    entry.tensorScale,
  );
  return {
    scheme,
    base,
    ...(scales && { scales }),
    ...(outliers && { outliers: await loadOutliers(parts, entry.dims, outliers.by === 'column') }),
    ...(lowRank && { lowRank: await loadLowRank(parts, entry.dims, lowRank.rank) }),
  };
}

/** The names of the tensors of a file that are parts of this one. */
export function partsOf(name: string, tensors: ReadonlyMap<string, TensorSource>): string[] {
  const { codes, codedCodes, scale, ...others } = partNames;
  const plain = [codes, codedCodes, scale, ...Object.values(others)];
  return [...plain, ...plain.map((suffix) => scale + suffix)]
    .map((suffix) => name + suffix)
    .filter((part) => tensors.has(part));
}

async function loadScales(
  parts: Parts,
  { dims, mean }: QuantizedEntry,
  plain: Scheme,
  { format, block, symmetric = true }: DoubleQuantization,
): Promise<QuantizedScales> {
  if (mean === undefined) return parts.refuse('the mean of its scales is not given');
  const count = elementCount(scaleDims(plain.granularity, dims));
  const scheme: Scheme = { format, granularity: perGroup(0, block), symmetric };
  return { codes: await loadPlain(parts, scheme, [count], partNames.scale), mean };
}

async function loadPlain(
  parts: Parts,
  scheme: Scheme,
  dims: readonly number[],
  prefix: string,
  decoded?: Float32Array,
  tensorScale?: number,
): Promise<QuantizedTensor> {
  const format: NumberFormat = formats[scheme.format];
  const codes = await loadCodes(parts, scheme, dims, prefix);
  const blocks = scaleDims(scheme.granularity, dims);
  const scale =
    decoded ?? (format.scaled ? await loadScale(parts, format, blocks, prefix, tensorScale) : undefined);
  const count = elementCount(blocks);
  const points = parts.has(prefix + partNames.zeroPoint)
    ? await parts.read(prefix + partNames.zeroPoint, 'uint8', [Math.ceil((count * format.bits) / 8)])
    : undefined;
  const reals = async (suffix: string, of: readonly number[]) =>
    (await parts.read(prefix + suffix, 'float32', of)).data as Float32Array;
  return {
    scheme,
    dims,
    codes,
    scale: scale ?? new Float32Array(count).fill(1),
    ...(tensorScale !== undefined && { tensorScale }),
    zeroPoint: points && format.unpack(points.data as Uint8Array, count),
    ...(parts.has(prefix + partNames.realZero) && { realZero: await reals(partNames.realZero, blocks) }),
    ...(format.bookSize > 0 && {
      book: toFloat32(await parts.read(prefix + partNames.book, bookTypes, [...blocks, format.bookSize])),
    }),
  };
}

async function loadCodes(
  parts: Parts,
  scheme: Scheme,
  dims: readonly number[],
  prefix: string,
): Promise<Codes> {
  const format: NumberFormat = formats[scheme.format];
  const packed = prefix + partNames.codes;
  const suffix = parts.has(packed) ? packed : prefix + partNames.codedCodes;
  const stored = parts.sizeOf(suffix);
  const values = elementCount(dims);
  if (values / format.unit > MOST_CODES_PER_BYTE * stored)
    return parts.refuse(`the ${stored} bytes of its codes cannot hold ${values} values`);
  const count = totalCodes(scheme, dims);
  if (suffix === packed) {
    const bytes = await parts.read(suffix, 'uint8', [Math.ceil((count * format.bits) / 8)]);
    return format.unpack(bytes.data as Uint8Array, count);
  }
  const stream = (await parts.read(suffix, 'uint8', [stored])).data as Uint8Array;
  const none = format.createCodes(0);
  const elementBytes = none.BYTES_PER_ELEMENT as 1 | 2;
  const bytes = await entropyDecode(stream, { count, elementBytes, name: parts.name + suffix });
  const ArrayOfCodes = none.constructor as new (buffer: ArrayBufferLike, at: number, length: number) => Codes;
  const codes = new ArrayOfCodes(bytes.buffer, bytes.byteOffset, count);
  const signed = none instanceof Int8Array || none instanceof Int16Array;
  const least = signed ? -(2 ** (format.bits - 1)) : 0;
  const most = least + 2 ** format.bits - 1;
  const bad = codes.findIndex((code: number) => code < least || code > most);
  if (bad >= 0) return parts.refuse(`its code ${bad} is ${codes[bad]}, where ${least} to ${most} can be`);
  return codes;
}

async function loadScale(
  parts: Parts,
  { blockScale: own }: NumberFormat,
  blocks: readonly number[],
  prefix: string,
  tensorScale: number | undefined,
): Promise<Float32Array> {
  if (own && parts.typeOf(prefix + partNames.scale) === 'uint8') {
    const codes = await parts.read(prefix + partNames.scale, 'uint8', blocks);
    return own.decode(codes.data as Uint8Array, tensorScale);
  }
  if (!parts.has(prefix + partNames.scaleIndex)) {
    const read = await parts.read(prefix + partNames.scale, scaleTypes, blocks);
    return toFloat32(read);
  }
  const index = (await parts.read(prefix + partNames.scaleIndex, 'uint8', blocks)).data as Uint8Array;
  const count = parts.sizeOf(prefix + partNames.scaleLevels) / 4;
  const levels = (await parts.read(prefix + partNames.scaleLevels, 'float32', [count])).data as Float32Array;
  if (index.some((i) => i >= count)) return parts.refuse(`a scale names none of its ${count} levels`);
  return Float32Array.from(index, (i) => levels[i]!);
}

async function loadOutliers(
  parts: Parts,
  dims: readonly number[],
  columns: boolean,
): Promise<SparseOutliers> {
  const count = parts.sizeOf(partNames.outlierPlaces) / 4;
  const at = (await parts.read(partNames.outlierPlaces, 'uint32', [count])).data as Uint32Array;
  const size = columns ? (dims.at(-1) ?? 1) : elementCount(dims);
  const each = columns ? elementCount(dims) / Math.max(1, size) : 1;
  for (let i = 0; i < count; i++) {
    if (at[i]! >= size || (i > 0 && at[i]! <= at[i - 1]!))
      return parts.refuse(`its outlier ${i} is at ${at[i]} of ${size}, and they must ascend`);
  }
  const values = await parts.read(partNames.outlierValues, 'float16', [count * each]);
  return { at, values: values.data as Uint16Array, columns };
}

async function loadLowRank(parts: Parts, dims: readonly number[], rank: number): Promise<LowRank> {
  const half = async (suffix: string, shape: readonly number[]) =>
    (await parts.read(suffix, 'float16', shape)).data as Uint16Array;
  return {
    rank,
    left: await half(partNames.lowRankLeft, [dims[0] ?? 1, rank]),
    right: await half(partNames.lowRankRight, [rank, elementCount(dims.slice(1))]),
  };
}

/** The tensors that belong to one quantized tensor. */
class Parts {
  readonly name: string;
  readonly #tensors: ReadonlyMap<string, TensorSource>;
  readonly #file: string;
  readonly #checksums: Readonly<Record<string, number>>;

  constructor(
    name: string,
    tensors: ReadonlyMap<string, TensorSource>,
    file: string,
    checksums: Readonly<Record<string, number>>,
  ) {
    this.name = name;
    this.#checksums = checksums;
    this.#tensors = tensors;
    this.#file = file;
  }

  has(suffix: string): boolean {
    return this.#tensors.has(this.name + suffix);
  }

  /** undefined when there is no such part. */
  typeOf(suffix: string): string | undefined {
    return this.#tensors.get(this.name + suffix)?.type;
  }

  refuse(what: string): never {
    return fail('quantized/tensor', { file: this.#file, tensor: this.name, what });
  }

  /** Bytes of a part, as the file's header says. */
  sizeOf(suffix: string): number {
    const part = this.#of(suffix);
    return part.pieces!(0, rowCountOf(part.shape)).reduce((sum, { length }) => sum + length, 0);
  }

  /** A part that has one of these types and this shape. */
  async read<D extends Exclude<DType, 'string'>>(
    suffix: string,
    dtype: D | readonly D[],
    shape: readonly number[],
  ): Promise<Tensor<D>> {
    const part = this.#of(suffix);
    const type = (typeof dtype === 'string' ? [dtype] : dtype).find((one) => one === part.type);
    if (type === undefined || part.shape.join() !== shape.join()) {
      const wanted = `${typeof dtype === 'string' ? dtype : dtype.join(' or ')} [${shape.join(', ')}]`;
      return this.refuse(`'${suffix}' is ${part.type} [${part.shape.join(', ')}], where ${wanted} is wanted`);
    }
    const bytes = (await part.read(0, rowCountOf(shape))).slice();
    // A stream is held against the checksums in it while it is decoded.
    if (!suffix.endsWith(partNames.codedCodes)) {
      const wanted = Object.hasOwn(this.#checksums, suffix) ? this.#checksums[suffix] : undefined;
      if (wanted === undefined) return this.refuse(`the checksum of its part '${suffix}' is not given`);
      if (crc32(bytes) !== wanted)
        fail('quantized/damaged', { file: this.#file, tensor: this.name, part: suffix });
    }
    return tensorFromBytes(type, shape, bytes);
  }

  #of(suffix: string): TensorSource {
    return this.#tensors.get(this.name + suffix) ?? this.refuse(`its part '${suffix}' is missing`);
  }
}
