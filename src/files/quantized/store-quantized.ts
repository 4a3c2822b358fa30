import {
  type CompositeTensor,
  countCodes,
  crc32,
  type EntropyCoded,
  entropyBits,
  entropyEncode,
  formats,
  fromFloat32,
  type NumberFormat,
  type QuantizedTensor,
  scaleDims,
  schemeText,
  toFloat32,
} from '../../numerics/index.ts';
import { bytesOf, type DType, elementCount, fail } from '../../tensor/index.ts';
import { memoryTensor } from '../memory-tensor.ts';
import type { TensorSource } from '../tensor-source.ts';
import { storeScales } from './scale-storage.ts';
import { partNames, type QuantizedEntry, schemeOf } from './tensor-entry.ts';

/** What storing a tensor took, part by part. */
export interface StoredSizes {
  readonly values: number;
  /** All parts together. */
  readonly sizeBytes: number;
  readonly codes: number;
  /** The codes as they are stored; what packing them takes; the least that a static table can reach. Bits per code. */
  readonly bitsPerCode: number;
  readonly packedBitsPerCode: number;
  readonly entropyBitsPerCode: number;
  /** 8 x sizeBytes / values. */
  readonly bitsPerWeight: number;
}

/** A quantized tensor as tensors of a file. */
export interface StoredTensor {
  readonly entry: QuantizedEntry;
  readonly parts: readonly TensorSource[];
  readonly sizes: StoredSizes;
}

/**
 * A quantized tensor as parts of a safetensors file. `scheme` and `axes` say what it is; codes are entropy-coded when
 * the scheme's text ends with `+rans` and that takes fewer bytes.
 * @throws quantized/not-writable when `scheme` does not say what the tensor's own scheme is
 *
 * @example
 * const axes = { channel: 0, group: 1 };
 * const scheme = schemeAt(parseScheme('nf4/64+double+rans'), axes);
 * const q = await quantizeComposite(weight, [64, 128], scheme);
 * const { entry, parts, sizes } = await storeQuantized('w', q, { scheme: 'nf4/64+double+rans', axes });
 */
export async function storeQuantized(
  name: string,
  tensor: CompositeTensor,
  { scheme: text, axes }: Pick<QuantizedEntry, 'scheme' | 'axes'>,
): Promise<StoredTensor> {
  const { request, scheme } = schemeOf({ scheme: text, axes });
  const { base, scales, outliers, lowRank } = tensor;
  // A range that was told apart from the scheme leaves the codes as they are.
  const own = { ...(scheme.range && { range: scheme.range }), ...tensor.scheme };
  if (canonical(own) !== canonical(scheme)) {
    const why = `'${text}' does not say all of its scheme, ${canonical(tensor.scheme)}`;
    fail('quantized/not-writable', { tensor: name, why });
  }
  const parts: TensorSource[] = [];
  const checksums: Record<string, number> = {};
  let sizeBytes = 0;
  const add = (suffix: string, dtype: DType, dims: readonly number[], data: ArrayBufferView) => {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    sizeBytes += bytes.length;
    if (!suffix.endsWith(partNames.codedCodes)) checksums[suffix] = crc32(bytes);
    parts.push(memoryTensor(name + suffix, dims, dtype, bytes));
  };
  const coded = await addPlain(base, add, request.entropy, '', scales === undefined);
  if (scales) await addPlain(scales.codes, add, request.entropy, partNames.scale, true);
  if (outliers) {
    add(partNames.outlierPlaces, 'uint32', [outliers.at.length], outliers.at);
    add(partNames.outlierValues, 'float16', [outliers.values.length], outliers.values);
  }
  if (lowRank) {
    const { rank, left, right } = lowRank;
    add(partNames.lowRankLeft, 'float16', [left.length / rank, rank], left);
    add(partNames.lowRankRight, 'float16', [rank, right.length / rank], right);
  }
  const values = elementCount(base.dims);
  return {
    entry: {
      scheme: schemeText(request),
      axes,
      dims: base.dims,
      ...(scales && { mean: scales.mean }),
      ...(base.tensorScale !== undefined && { tensorScale: base.tensorScale }),
      entropy: coded.entropyBitsPerCode,
      crc32: checksums,
    },
    parts,
    sizes: { values, sizeBytes, bitsPerWeight: values === 0 ? 0 : (8 * sizeBytes) / values, ...coded },
  };
}

type Add = (suffix: string, dtype: DType, dims: readonly number[], data: ArrayBufferView) => void;

/** Codes, scales, zero points and books under `<name><prefix>`. */
async function addPlain(q: QuantizedTensor, add: Add, entropy: boolean, prefix: string, withScale: boolean) {
  const format: NumberFormat = formats[q.scheme.format];
  const dims = scaleDims(q.scheme.granularity, q.dims);
  const packed = format.pack(q.codes);
  let stored: Uint8Array = packed;
  let coded: EntropyCoded | undefined;
  if (entropy) {
    coded = await entropyEncode(q.codes);
    if (coded.bytes.length < packed.length) stored = coded.bytes;
  }
  add(
    prefix + (stored === packed ? partNames.codes : partNames.codedCodes),
    'uint8',
    [stored.length],
    stored,
  );
  if (withScale && format.scaled) addScale(q, dims, add, prefix);
  if (q.zeroPoint) {
    const points = format.pack(q.zeroPoint);
    add(prefix + partNames.zeroPoint, 'uint8', [points.length], points);
  }
  if (q.realZero) add(prefix + partNames.realZero, 'float32', dims, q.realZero);
  if (q.book) addBook(q.book, q.scheme.scaleType, [...dims, format.bookSize], add, prefix);
  const codes = q.codes.length;
  const per = (bytes: Uint8Array) => (codes === 0 ? 0 : (8 * bytes.length) / codes);
  return {
    codes,
    bitsPerCode: per(stored),
    packedBitsPerCode: format.bits,
    entropyBitsPerCode: coded?.entropyBits ?? entropyBits(countCodes(q.codes)),
  };
}

/** Entries in 16 bits where the scheme rounds them so, else in 32. */
function addBook(
  book: Float32Array,
  type: DType | undefined,
  dims: readonly number[],
  add: Add,
  prefix: string,
): void {
  if (type === 'float16' || type === 'bfloat16') {
    const half = fromFloat32(book, dims, type);
    if (toFloat32(half).every((back, i) => Object.is(back, book[i]))) {
      add(prefix + partNames.book, type, dims, bytesOf(half));
      return;
    }
  }
  add(prefix + partNames.book, 'float32', dims, book);
}

function addScale(q: QuantizedTensor, dims: readonly number[], add: Add, prefix: string): void {
  const { scale, tensorScale } = q;
  const own = (formats[q.scheme.format] as NumberFormat).blockScale;
  const codes = own?.encode(scale, tensorScale);
  if (codes && own!.decode(codes, tensorScale).every((back, i) => Object.is(back, scale[i]))) {
    add(prefix + partNames.scale, 'uint8', dims, codes);
    return;
  }
  const stored = storeScales(scale);
  if (stored.kind === 'typed') add(prefix + partNames.scale, stored.dtype, dims, stored.bytes);
  else {
    add(prefix + partNames.scaleIndex, 'uint8', dims, stored.index);
    add(prefix + partNames.scaleLevels, 'float32', [stored.levels.length], stored.levels);
  }
}

/** Keys in order, absent ones left out: equal texts are equal schemes. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
