import { codeValues, formats, type NumberFormat, type Scheme } from '../../../numerics/index.ts';
import { byteLengthOf } from '../../../tensor/index.ts';
import { type BitPlane, bitPlanes, planeLength, planeTable } from './bit-planes.ts';
import { type RegionParts, unitsOf } from './encode-regions.ts';
import type { NodeWriter } from './node-writer.ts';
import type { Region, Regions } from './regions.ts';
import { storedScaleOf } from './stored-scale.ts';

/** A quantized tensor whose parts are computed when they are read. */
export interface StoredTensor {
  readonly scheme: Scheme;
  readonly dims: readonly number[];
  readonly regions: Regions;
  parts(): Promise<ReadonlyMap<Region, RegionParts>>;
  /** The scales of a region, [blocks, 1], where they are not stored as they are. */
  scaleOf?(region: Region): string;
}

/** Counts the bytes of what is written. */
export interface ByteCount {
  codes: number;
  scales: number;
  zeroPoints: number;
  books: number;
  /** Outliers and low-rank products. */
  extras: number;
}

/**
 * Adds constants and nodes of ai.onnx that give the tensor's reals, shaped `dims`, bit for bit those of
 * `dequantizeTensor`:
 *
 *   integers:  (code - zero) x scale       fixed levels, small floats:  Gather(levels, code) x scale
 *   books:     Gather(book of the block, code) x scale
 *
 * The values come in row order, region by region; Transpose and Concat put them where they belong. ONNX Runtime
 * folds all of it when it loads the model.
 */
export function decodeTensor(writer: NodeWriter, stored: StoredTensor, count: ByteCount): string {
  const { regions, dims } = stored;
  const rows = regions.grid.map((row) =>
    joined(
      writer,
      row.map((region) => decodeRegion(writer, stored, region, count)),
      regions.joinAxis,
    ),
  );
  return writer.reshape(joined(writer, rows, 1), dims);
}

const joined = (writer: NodeWriter, values: readonly string[], axis: number): string =>
  values.length === 1 ? values[0]! : writer.add('Concat', values, { axis });

/** The values of one region, shaped as its box. */
function decodeRegion(writer: NodeWriter, stored: StoredTensor, region: Region, count: ByteCount): string {
  const format: NumberFormat = formats[stored.scheme.format];
  const { blocks, size, view, permutation, box } = region;
  const context = { writer, stored, region, count, format };
  const units = unitsOf(region, format.unit);
  let reals = writer.reshape(unscaled(context, units), [blocks, units * format.unit]);
  if (units * format.unit > size) reals = writer.slice(reals, 1, 0, size);
  if (format.scaled) reals = writer.add('Mul', [reals, scaleOf(context)]);
  if (permutation === undefined) return writer.reshape(reals, box);
  const moved = writer.add('Transpose', [writer.reshape(reals, view)], { perm: permutation });
  return writer.reshape(moved, box);
}

interface RegionContext {
  readonly writer: NodeWriter;
  readonly stored: StoredTensor;
  readonly region: Region;
  readonly count: ByteCount;
  readonly format: NumberFormat;
}

/** The reals at scale 1, [blocks x units, unit] in any shape. */
function unscaled(context: RegionContext, units: number): string {
  const { format, region, writer, stored } = context;
  const { blocks } = region;
  const shape = [blocks, units];
  if (format.kind === 'integer') {
    const codes = planes(context, 'codes', shape, 'float32', integers(format));
    const zero = zeroOf(context);
    return zero === undefined ? codes : writer.add('Sub', [codes, zero]);
  }
  if (format.bookSize === 0) {
    if (bitPlanes(format.bits).length === 1 && format.bits < 8) {
      return planes(context, 'codes', shape, 'float32', levels(format));
    }
    const index = planes(context, 'codes', shape, 'int32', integers(format));
    return writer.add('Gather', [levelTable(writer, format), index]);
  }
  const { unit, bits } = format;
  const entries = 2 ** bits;
  const index = planes(context, 'codes', shape, 'int32', integers(format));
  const book = (dims: readonly number[]) => {
    context.count.books += 4 * blocks * entries * unit;
    return writer.constant('book', 'float32', dims, async () =>
      bytes(codeValues(format, (await partsOf(stored, region)).book)),
    );
  };
  if (blocks === 1) return writer.add('Gather', [book([entries, unit]), index]);
  if (unit === 1) return writer.add('GatherElements', [book([blocks, entries]), index], { axis: 1 });
  const wide = writer.reshape(writer.cast(index, 'int64'), [blocks, units, 1]);
  return writer.add('GatherND', [book([blocks, entries, unit]), wide], { batch_dims: 1 });
}

function scaleOf({ writer, stored, region, count }: RegionContext): string {
  if (stored.scaleOf) return stored.scaleOf(region);
  const type = storedScaleOf(stored.scheme);
  const shape = [region.blocks, 1];
  count.scales += byteLengthOf(type.dtype, region.blocks);
  const scale = writer.constant('scale', type.dtype, shape, async () =>
    type.encode((await partsOf(stored, region)).scale),
  );
  const real = type.decode(writer, scale);
  const { above } = type;
  if (above === undefined) return real;
  count.scales += 4;
  const whole = writer.constant('tensor_scale', 'float32', [], async () =>
    bytes(Float32Array.of(above((await partsOf(stored, region)).scale))),
  );
  return writer.add('Mul', [real, whole]);
}

/** Zero points [blocks, 1], one number for all, or undefined where they are 0. */
function zeroOf(context: RegionContext): string | undefined {
  const { writer, stored, region, count, format } = context;
  const { scheme } = stored;
  const shape = [region.blocks, 1];
  if (scheme.zero === 'real') {
    count.zeroPoints += 4 * region.blocks;
    return writer.constant('zero_point', 'float32', shape, async () =>
      bytes((await partsOf(stored, region)).realZero),
    );
  }
  if (!scheme.symmetric || scheme.reduced)
    return planes(context, 'zeroPoint', shape, 'float32', integers(format));
  const { symmetricZero } = format;
  if (symmetricZero === 0) return undefined;
  return writer.shared(`zero_${symmetricZero}`, 'float32', [], () => Float32Array.of(symmetricZero));
}

/** What the bytes of a plane mean, and what to call that. */
interface PlaneMeaning {
  readonly key: string;
  /** Values of each code of a byte: 1, or those of a unit. */
  readonly unit: number;
  readonly signed: boolean;
  values(plane: BitPlane): Int8Array | Float32Array;
}

const integers = ({ bits, minCode }: NumberFormat): PlaneMeaning => ({
  key: `int${bits}${minCode < 0 ? '_signed' : ''}`,
  unit: 1,
  signed: minCode < 0,
  values: (plane) => planeTable(plane, bits, minCode < 0),
});

/** Of a single plane of fixed levels: a byte is looked up as the levels of all its codes. */
const levels = (format: NumberFormat): PlaneMeaning => ({
  key: format.name,
  unit: format.unit,
  signed: false,
  values(plane) {
    const { unit } = format;
    const table = format.table!();
    const codes = planeTable(plane, format.bits, false);
    return Float32Array.from({ length: codes.length * unit }, (_, i) => {
      const code = codes[Math.floor(i / unit)]!;
      return table[code * unit + (i % unit)] ?? 0;
    });
  },
});

/** Codes or zero points, [..shape] (and unit), as numbers of `dtype`: the sum of what the planes mean. */
function planes(
  { writer, stored, region, count, format }: RegionContext,
  part: 'codes' | 'zeroPoint',
  shape: readonly [number, number] | readonly number[],
  dtype: 'float32' | 'int32',
  meaning: PlaneMeaning,
): string {
  const [rows, columns] = shape as [number, number];
  const total = rows * columns;
  const sum = bitPlanes(format.bits).map((plane, i) => {
    const length = planeLength(plane, total);
    if (part === 'codes') count.codes += length;
    else count.zeroPoints += length;
    const whole = plane.bits === 8;
    const stored8 = meaning.signed && whole ? 'int8' : 'uint8';
    const packed = writer.constant(
      part === 'codes' ? 'codes' : 'zero_point',
      stored8,
      whole ? shape : [length],
      async () => (await partsOf(stored, region))[part][i]!,
    );
    if (whole) return writer.cast(packed, dtype);
    const perByte = 8 / plane.bits;
    const key = `bytes_${meaning.key}_bit${plane.shift}`;
    const table = writer.once(`${key} ${dtype}`, () => {
      const values = meaning.values(plane);
      const type = values instanceof Int8Array ? 'int8' : 'float32';
      const own = writer.shared(key, type, [256, perByte * meaning.unit], () => values);
      return type === dtype ? own : writer.cast(own, dtype);
    });
    let values = writer.add('Gather', [table, writer.cast(packed, 'int32')]);
    if (length * perByte > total) {
      values = writer.slice(writer.reshape(values, [-1]), 0, 0, total * meaning.unit);
    }
    return writer.reshape(values, meaning.unit === 1 ? shape : [...shape, meaning.unit]);
  });
  return sum.reduce((a, b) => writer.add('Add', [a, b]));
}

/** The fixed levels, [codes] or [codes, unit]. A code that means none is never chosen. */
function levelTable(writer: NodeWriter, format: NumberFormat): string {
  const { name, unit } = format;
  const table = format.table!();
  const entries = table.length / unit;
  return writer.shared(`levels_${name}`, 'float32', unit === 1 ? [entries] : [entries, unit], () =>
    table.map((x) => (Number.isNaN(x) ? 0 : x)),
  );
}

const partsOf = async (stored: StoredTensor, region: Region): Promise<RegionParts> =>
  (await stored.parts()).get(region)!;

const bytes = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
