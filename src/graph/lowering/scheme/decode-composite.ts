import {
  type CompositeScheme,
  type CompositeTensor,
  type DoubleQuantization,
  perGroup,
  type Scheme,
  scaleCount,
} from '../../../numerics/index.ts';
import { elementCount } from '../../../tensor/index.ts';
import { type ByteCount, decodeTensor } from './decode-tensor.ts';
import type { CompositeParts } from './encode-composite.ts';
import type { NodeWriter } from './node-writer.ts';
import type { Region, Regions } from './regions.ts';

/** Sizes that follow from the values alone. */
export interface CompositeSizes {
  /** Positions, or columns, that are kept apart. */
  readonly outliers: number;
  readonly rank: number;
}

/** A composite whose parts are computed when they are read. */
export interface StoredComposite extends CompositeSizes {
  readonly scheme: CompositeScheme;
  readonly dims: readonly number[];
  readonly regions: Regions;
  /** Of the scales, where these are codes themselves. */
  readonly scaleRegions: Regions | undefined;
  parts(): Promise<CompositeParts>;
}

export const sizesOf = ({ outliers, lowRank }: CompositeTensor): CompositeSizes => ({
  outliers: outliers?.at.length ?? 0,
  rank: lowRank?.rank ?? 0,
});

export const noSizes: CompositeSizes = { outliers: 0, rank: 0 };

/**
 * Adds constants and nodes whose result equals `dequantizeComposite` bit for bit: the base, plus the product of low
 * rank (summed in double precision, rounded once), plus what the outliers lack.
 */
export function decodeComposite(writer: NodeWriter, stored: StoredComposite, count: ByteCount): string {
  const { scheme, dims, regions, scaleRegions } = stored;
  const { double } = scheme;
  const scales = double && scaleRegions && decodeScales(writer, stored, double, scaleRegions, count);
  let real = decodeTensor(
    writer,
    {
      ...{ scheme, dims, regions, parts: async () => (await stored.parts()).base },
      ...(scales && { scaleOf: (region: Region) => scalesOf(writer, scales, region) }),
    },
    count,
  );
  if (stored.rank > 0) real = writer.add('Add', [real, product(writer, stored, count)]);
  if (stored.outliers > 0) real = withOutliers(writer, stored, real, count);
  return writer.reshape(real, dims);
}

/** All scales, flat: level of each code x its second scale + mean. */
function decodeScales(
  writer: NodeWriter,
  stored: StoredComposite,
  { format, block, symmetric = true }: DoubleQuantization,
  regions: Regions,
  count: ByteCount,
): string {
  const total = scaleCount(stored.scheme.granularity, stored.dims);
  const scheme: Scheme = { format, granularity: perGroup(0, block), symmetric };
  const own: ByteCount = { codes: 0, scales: 0, zeroPoints: 0, books: 0, extras: 0 };
  const parts = async () => (await stored.parts()).scales!.parts;
  const codes = decodeTensor(writer, { scheme, dims: [total], regions, parts }, own);
  count.scales += own.codes + own.scales + own.zeroPoints + own.books + 4;
  const mean = writer.constant('scale_mean', 'float32', [], async () =>
    bytes(Float32Array.of((await stored.parts()).scales!.mean)),
  );
  return writer.add('Add', [codes, mean]);
}

/** The scales of one region in the order of its blocks, [blocks, 1]. */
function scalesOf(writer: NodeWriter, all: string, { scales, blocks }: Region): string {
  let own = writer.reshape(all, scales.view);
  for (const [axis, from, to] of scales.cuts) {
    if (to - from < scales.view[axis]!) own = writer.slice(own, axis, from, to);
  }
  if (scales.permutation) own = writer.add('Transpose', [own], { perm: scales.permutation });
  return writer.reshape(own, [blocks, 1]);
}

/** [rows, rank] x [rank, columns] in double precision: sums of so few float16 products are exact in it. */
function product(writer: NodeWriter, stored: StoredComposite, count: ByteCount): string {
  const { dims, rank } = stored;
  const rows = dims[0] ?? 1;
  const columns = elementCount(dims.slice(1));
  count.extras += 2 * rank * (rows + columns);
  const factor = (part: 'left' | 'right', shape: readonly number[]) =>
    writer.cast(
      writer.constant(part, 'float16', shape, async () => bytes((await stored.parts()).lowRank![part])),
      'float64',
    );
  const both = writer.add('MatMul', [factor('left', [rows, rank]), factor('right', [rank, columns])]);
  return writer.reshape(writer.cast(both, 'float32'), dims);
}

/** Adds what was kept apart in float16: at single positions, or to whole columns. */
function withOutliers(writer: NodeWriter, stored: StoredComposite, real: string, count: ByteCount): string {
  const { scheme, dims, outliers } = stored;
  const choice = scheme.outliers!;
  const columns = choice.by === 'column';
  const axis = columns ? (choice.axis ?? dims.length - 1) : 0;
  const shape = columns ? dims : [elementCount(dims)];
  const [outer, size, inner] = [
    elementCount(shape.slice(0, axis)),
    shape[axis]!,
    elementCount(shape.slice(axis + 1)),
  ];
  count.extras += outliers * (4 + 2 * outer * inner);
  const at = writer.constant('outlier_positions', 'int32', [outliers], async () =>
    bytes((await stored.parts()).outliers!.at),
  );
  const missing = writer.cast(
    writer.constant('outliers', 'float16', [outliers, outer * inner], async () =>
      bytes((await stored.parts()).outliers!.values),
    ),
    'float32',
  );
  // Positions, or columns, come first: [size, all other axes].
  let first = writer.reshape(real, [outer, size, inner]);
  if (outer > 1) first = writer.add('Transpose', [first], { perm: [1, 0, 2] });
  first = writer.reshape(first, [size, outer * inner]);
  const sum = writer.add('Add', [writer.add('Gather', [first, at]), missing]);
  const where = writer.reshape(writer.cast(at, 'int64'), [outliers, 1]);
  let whole = writer.add('ScatterND', [first, where, sum]);
  if (outer > 1) {
    const apart = writer.reshape(whole, [size, outer, inner]);
    whole = writer.add('Transpose', [apart], { perm: [1, 0, 2] });
  }
  return writer.reshape(whole, dims);
}

const bytes = ({ buffer, byteOffset, byteLength }: Float32Array | Uint16Array | Uint32Array): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
