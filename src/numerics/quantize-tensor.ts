import { elementCount, fail } from '../tensor/index.ts';
import { formats } from './formats.ts';
import { scaleCount } from './granularity.ts';
import type { NumberFormat, RangeSearch } from './number-format.ts';
import type { QuantizedTensor } from './quantized-tensor.ts';
import { rowTiles } from './row-tiles.ts';
import type { Scheme } from './scheme.ts';

/** How ranges are searched, and how errors are weighted. */
export interface QuantizeTensorOptions {
  /** How ranges are found; default: what the format says (min-max, mse up to 4 bits). */
  readonly range?: RangeSearch;
  /** How much each value's squared error counts, in the order of the values; not negative. */
  readonly importance?: Float32Array;
  /** For error messages. */
  readonly name?: string;
}

/**
 * Quantizes a tensor to the nearest codes of a scheme.
 * `values`: row-major over `dims`, finite. Scales come out row-major over `scaleDims(granularity, dims)`.
 * The last group of an axis may be shorter.
 * @throws numerics/not-finite, numerics/axis, numerics/group-size, numerics/value-count
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
  const { name = 'tensor', importance } = options;
  checkValues(values, dims, name);
  if (importance) checkValues(importance, dims, `importance of ${name}`);

  const format: NumberFormat = formats[scheme.format];
  const codes = format.createCodes(values.length);
  const scale = new Float32Array(scaleCount(scheme.granularity, dims));
  const zeroPoint = format.createCodes(scale.length);
  let explicitZero = false;
  const choice = { ...scheme, range: options.range };
  for (const tile of rowTiles(scheme.granularity, dims)) {
    const weights = importance && tile.gather(importance);
    const encoded = await format.encode(tile.gather(values), tile.layout, weights, choice);
    tile.scatter(encoded.codes, codes);
    tile.scatterScales(encoded.scale, scale);
    if (encoded.zeroPoint) {
      explicitZero = true;
      tile.scatterScales(encoded.zeroPoint, zeroPoint);
    }
  }
  return { scheme, dims: [...dims], codes, scale, zeroPoint: explicitZero ? zeroPoint : undefined };
}

/** The reals that the codes stand for, row-major over `dims`. */
export function dequantizeTensor(q: QuantizedTensor): Float32Array {
  const format: NumberFormat = formats[q.scheme.format];
  const out = new Float32Array(q.codes.length);
  for (const tile of rowTiles(q.scheme.granularity, q.dims)) {
    const encoded = {
      codes: tile.gather(q.codes),
      scale: tile.gatherScales(q.scale),
      zeroPoint: q.zeroPoint && tile.gatherScales(q.zeroPoint),
    };
    tile.scatter(format.decode(encoded, tile.layout), out);
  }
  return out;
}

/** @throws numerics/value-count when the shape wants another number, numerics/not-finite at the first NaN or Inf. */
function checkValues(values: Float32Array, dims: readonly number[], name: string): void {
  const wanted = elementCount(dims);
  if (values.length !== wanted) {
    fail('numerics/value-count', { name, dims: [...dims], got: values.length, wanted });
  }
  for (let i = 0; i < values.length; i++) {
    const x = values[i]!;
    if (x - x !== 0) fail('numerics/not-finite', { name, index: i, value: String(x) });
  }
}
