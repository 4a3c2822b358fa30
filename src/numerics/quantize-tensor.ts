import { elementCount, fail, lookUp } from '../tensor/index.ts';
import { checkCount, checkValues } from './check-values.ts';
import { codeCount, encodedTiles } from './encoded-tiles.ts';
import { formats } from './formats/formats.ts';
import type { EncodedRows, NumberFormat } from './formats/number-format.ts';
import { scaleCount } from './granularity.ts';
import type { Codes, QuantizedTensor } from './quantized-tensor.ts';
import type { RangeSearch } from './ranges.ts';
import { type RowTile, rowTiles } from './row-tiles.ts';
import type { Scheme } from './scheme.ts';

/** How ranges are searched, and how errors are weighted. */
export interface QuantizeTensorOptions {
  /** How ranges are found; default: what the scheme says, else the format (min-max, mse up to 4 bits). */
  readonly range?: RangeSearch;
  /** How much each value's squared error counts, in the order of the values; not negative. */
  readonly importance?: Float32Array;
  /**
   * Learned rounding, uniform formats only: 0 rounds a value down to the level below it, 1 up; in the order of the
   * values. Down is towards the lower code (of dead zones: towards 0).
   */
  readonly roundUp?: Uint8Array;
  /** For error messages. */
  readonly name?: string;
}

/**
 * Quantizes a tensor to the nearest codes of a scheme.
 * `values`: row-major over `dims`, finite. Scales come out row-major over `scaleDims(granularity, dims)`.
 * The last group of an axis may be shorter.
 * @throws numerics/not-finite, numerics/axis, numerics/group-size, numerics/value-count, numerics/rounding,
 * numerics/fixed-block, name/unknown
 *
 * @example
 * const q = await quantizeTensor(weight, [64, 128], { format: 'int8', granularity: perChannel(0), symmetric: true });
 * // q.codes: Int8Array(8192), q.scale: Float32Array(64)
 */
export async function quantizeTensor(
  values: Float32Array,
  dims: readonly number[],
  scheme: Scheme,
  options: QuantizeTensorOptions = {},
): Promise<QuantizedTensor> {
  const { name = 'tensor', importance, roundUp } = options;
  checkValues(values, dims, name);
  if (importance) checkValues(importance, dims, `importance of ${name}`);
  if (roundUp) checkCount(roundUp.length, dims, `rounding of ${name}`);

  const format: NumberFormat = lookUp('format', formats, scheme.format);
  checkBlock(format, scheme);
  const rounding = roundUp ? 'mask' : (scheme.rounding ?? 'half-even');
  if (rounding !== 'half-even' && !format.rounds)
    fail('numerics/rounding', { format: scheme.format, rounding });
  const { unit, bookSize } = format;
  const out = new Gathered(format, scheme, dims);
  const tensorScale = format.tensorScale?.(values);
  const choice = {
    ...scheme,
    range: options.range ?? scheme.range,
    ...(tensorScale !== undefined && { tensorScale }),
  };
  let firstValue = 0;
  for (const tile of rowTiles(scheme.granularity, dims)) {
    const weights = importance && tile.gather(importance);
    const part = tile.gather(values);
    const here = { ...choice, firstValue, ...(roundUp && { roundUp: tile.gather(roundUp) }) };
    out.add(tile, await format.encode(part, tile.layout, weights, here), unit, bookSize);
    firstValue += part.length;
  }
  return { ...out.tensor(), ...(tensorScale !== undefined && { tensorScale }) };
}

/** Puts encoded tiles together. */
class Gathered {
  readonly #scheme: Scheme;
  readonly #dims: readonly number[];
  readonly #codes: Codes;
  readonly #scale: Float32Array;
  readonly #zeroPoint: Codes;
  readonly #realZero: Float32Array;
  readonly #book: Float32Array;
  #hasZeroPoint = false;
  #hasRealZero = false;
  #codesAt = 0;
  #bookAt = 0;

  constructor(format: NumberFormat, scheme: Scheme, dims: readonly number[]) {
    const { granularity } = scheme;
    let codes = 0;
    if (format.unit === 1) codes = elementCount(dims);
    else for (const tile of rowTiles(granularity, dims)) codes += codeCount(tile.layout, format.unit);
    const scales = scaleCount(granularity, dims);
    this.#scheme = scheme;
    this.#dims = [...dims];
    this.#codes = format.createCodes(codes);
    this.#scale = new Float32Array(scales);
    this.#zeroPoint = format.createCodes(scales);
    this.#realZero = new Float32Array(scheme.zero === 'real' ? scales : 0);
    this.#book = new Float32Array(scales * format.bookSize);
  }

  add(tile: RowTile, { codes, scale, zeroPoint, realZero, book }: EncodedRows, unit: number, size: number) {
    if (unit === 1) tile.scatter(codes, this.#codes);
    else this.#codes.set(codes, this.#codesAt);
    this.#codesAt += codes.length;
    tile.scatterScales(scale, this.#scale);
    if (zeroPoint) {
      this.#hasZeroPoint = true;
      tile.scatterScales(zeroPoint, this.#zeroPoint);
    }
    if (realZero) {
      this.#hasRealZero = true;
      tile.scatterScales(realZero, this.#realZero);
    }
    if (book) this.#book.set(book, this.#bookAt);
    this.#bookAt += scale.length * size;
  }

  tensor(): QuantizedTensor {
    return {
      scheme: this.#scheme,
      dims: this.#dims,
      codes: this.#codes,
      scale: this.#scale,
      zeroPoint: this.#hasZeroPoint ? this.#zeroPoint : undefined,
      ...(this.#hasRealZero && { realZero: this.#realZero }),
      ...(this.#book.length > 0 && { book: this.#book }),
    };
  }
}

/** The reals that the codes stand for, row-major over `dims`. */
export function dequantizeTensor(q: QuantizedTensor): Float32Array {
  const format: NumberFormat = formats[q.scheme.format];
  const out = new Float32Array(elementCount(q.dims));
  for (const { tile, encoded } of encodedTiles(q)) tile.scatter(format.decode(encoded, tile.layout), out);
  return out;
}

/** @throws numerics/fixed-block when a format of fixed blocks is to have scales of other kinds. */
function checkBlock({ name, block }: NumberFormat, { granularity }: Scheme): void {
  if (block === 'free' || (granularity.kind === 'per-group' && granularity.size === block)) return;
  const size = granularity.kind === 'per-group' ? ` of ${granularity.size}` : '';
  fail('numerics/fixed-block', { format: name, block, granularity: `${granularity.kind}${size}` });
}
