import { TINY } from '../../kernels/index.ts';
import { elementCount, fail, lookUp } from '../../tensor/index.ts';
import { checkValues } from '../check-values.ts';
import { encodedTiles } from '../encoded-tiles.ts';
import { encodeFloat16 } from '../float-arrays.ts';
import { eachBlock } from '../formats/each-block.ts';
import { formats } from '../formats/formats.ts';
import type { NumberFormat } from '../formats/number-format.ts';
import { dequantizeTensor, type QuantizeTensorOptions, quantizeTensor } from '../quantize-tensor.ts';
import type { QuantizedTensor } from '../quantized-tensor.ts';
import type { Scheme } from '../scheme.ts';
import type { CompositeScheme, CompositeTensor, QuantizedScales, SparseOutliers } from './composite.ts';
import { largestScores } from './largest-scores.ts';
import { addLowRank, type LowRankOptions, lowRankOf, matrixOf } from './low-rank.ts';
import { checkOutliers, chooseOutliers, flatPositions, type OutlierPlaces } from './outlier-places.ts';
import { decodeScales, quantizeScales } from './quantize-scales.ts';
import { roundAgain } from './round-again.ts';

/** What the parts of a composite may be told besides the values. */
export interface QuantizeCompositeOptions extends QuantizeTensorOptions {
  /** For outlier columns: the largest magnitude that each input showed, in place of the weight's own. */
  readonly columnMagnitudes?: ArrayLike<number>;
  /** For the low-rank product: its seed, and which rows and columns count more. */
  readonly lowRank?: LowRankOptions;
  /**
   * With double quantization: `again` chooses codes under the scales as they will be decoded; `first` keeps those of
   * the exact scales, as bitsandbytes does. Default again.
   */
  readonly codes?: 'again' | 'first';
}

/**
 * Quantizes a tensor to a plain scheme and what is added to it. Outliers are set to 0; the rest is quantized; its
 * scales are quantized, and codes chosen again under them; a product of low rank is fitted to what is lost; what the
 * outliers lack is kept in float16. Without added parts this is `quantizeTensor`.
 * `values`: row-major over `dims`, finite.
 * @throws what quantizeTensor throws; numerics/composite, numerics/beyond-range
 *
 * @example
 * const scheme = schemeAt(parseScheme('nf4/64+double'), { channel: 0, group: 1 });
 * const q = await quantizeComposite(weight, [64, 128], scheme);
 * console.log(compositeBits(q).perWeight, compositeError(weight, q).sqnrDb);
 */
export async function quantizeComposite(
  values: Float32Array,
  dims: readonly number[],
  scheme: CompositeScheme,
  options: QuantizeCompositeOptions = {},
): Promise<CompositeTensor> {
  const name = options.name ?? 'tensor';
  check(scheme, dims, options, name);
  // Before outliers are looked for: NaN and infinity would be among them.
  checkValues(values, dims, name);
  if (options.importance) checkValues(options.importance, dims, `importance of ${name}`);
  const { double, outliers: choice, lowRank: product, ...plain } = scheme;
  const places = choice && (await placesOf(values, dims, scheme, plain, options));
  const apart = places && flatPositions(places, dims, scheme);
  const dense = apart ? withZeros(values, apart) : values;

  let base = await quantizeTensor(dense, dims, plain, options);
  let scales: QuantizedScales | undefined;
  if (double) {
    scales = await quantizeScales(scalesInUse(dense, base), double);
    const decoded = decodeScales(scales);
    base =
      options.codes === 'first'
        ? { ...base, scale: decoded }
        : await roundAgain(dense, base, decoded, options.roundUp);
  }
  if (!places && !product) return { scheme, base, ...(scales && { scales }) };

  const sum = dequantizeTensor(base);
  const lowRank =
    product && lowRankOf(residual(values, sum, apart), matrixOf(dims), product.rank, { ...options.lowRank });
  if (lowRank && !(lowRank.left.every(isFiniteHalf) && lowRank.right.every(isFiniteHalf)))
    fail('numerics/composite', { name, what: 'its low-rank factors are too large for float16' });
  if (lowRank) addLowRank(lowRank, sum);
  const outliers = places && apart && keptApart(values, sum, places, apart, name);
  return {
    scheme,
    base,
    ...(scales && { scales }),
    ...(outliers && { outliers }),
    ...(lowRank && { lowRank }),
  };
}

/**
 * By sensitivity: the tensor is first quantized without its most important magnitudes, so that they cannot widen the
 * ranges that they would leave; then all values are rounded under these ranges.
 */
async function placesOf(
  values: Float32Array,
  dims: readonly number[],
  scheme: CompositeScheme,
  plain: Scheme,
  options: QuantizeCompositeOptions,
): Promise<OutlierPlaces> {
  const choice = scheme.outliers!;
  const { importance, columnMagnitudes } = options;
  if (choice.by !== 'sensitivity')
    return chooseOutliers(values, dims, choice, columnMagnitudes ? { columnMagnitudes } : {});
  const squares = (less?: Float32Array) => {
    const out = new Float32Array(values.length);
    for (let i = 0; i < out.length; i++) {
      const x = values[i]! - (less ? less[i]! : 0);
      out[i] = x * x * (importance ? importance[i]! : 1);
    }
    return out;
  };
  const loud = largestScores(squares(), Math.round(choice.part * values.length));
  const trimmed = await quantizeTensor(withZeros(values, loud), dims, plain, options);
  const format: NumberFormat = formats[plain.format];
  const rounded: QuantizedTensor =
    format.block === 'free' ? await roundAgain(values, trimmed, trimmed.scale, options.roundUp) : trimmed;
  return chooseOutliers(values, dims, choice, { errors: squares(dequantizeTensor(rounded)) });
}

/**
 * The scales of a tensor, with 0 for blocks of zeros, as bitsandbytes has it: the 1 that stands there would be the
 * largest of its neighbours and spoil them all.
 */
function scalesInUse(values: Float32Array, q: QuantizedTensor): Float32Array {
  const used = new Float32Array(q.scale.length);
  for (const { tile, encoded } of encodedTiles(q)) {
    const part = tile.gather(values);
    const scale = encoded.scale.slice();
    eachBlock(tile.layout, (from, to, at) => {
      let i = from;
      while (i < to && Math.abs(part[i]!) < TINY) i++;
      if (i === to) scale[at] = 0;
    });
    tile.scatterScales(scale, used);
  }
  return used;
}

const isFiniteHalf = (bits: number) => (bits & 0x7c00) !== 0x7c00;

function withZeros(values: Float32Array, at: Uint32Array): Float32Array {
  const out = values.slice();
  for (const i of at) out[i] = 0;
  return out;
}

/** What is lost; outliers are mended apart and lose nothing here. */
function residual(values: Float32Array, sum: Float32Array, apart: Uint32Array | undefined): Float32Array {
  const out = new Float32Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = values[i]! - sum[i]!;
  if (apart) for (const i of apart) out[i] = 0;
  return out;
}

function keptApart(
  values: Float32Array,
  sum: Float32Array,
  places: OutlierPlaces,
  apart: Uint32Array,
  name: string,
): SparseOutliers {
  const missing = Float32Array.from(apart, (i) => values[i]! - sum[i]!);
  const worst = missing.findIndex((x) => Math.abs(x) > 65504);
  if (worst >= 0)
    fail('numerics/beyond-range', {
      name,
      index: apart[worst]!,
      value: String(missing[worst]),
      type: 'float16',
    });
  return { ...places, values: encodeFloat16(missing) };
}

function check(
  scheme: CompositeScheme,
  dims: readonly number[],
  options: QuantizeCompositeOptions,
  name: string,
): void {
  const refuse = (what: string) => fail('numerics/composite', { name, what });
  const format: NumberFormat = lookUp('format', formats, scheme.format);
  if (scheme.double) lookUp('format', formats, scheme.double.format);
  if (scheme.double && !format.scaled) refuse(`${format.name} has no scales that could be quantized`);
  if (scheme.double && format.block !== 'free') refuse(`${format.name} has scales of few bits already`);
  if (scheme.double && formats[scheme.double.format].block !== 'free')
    refuse(`scales cannot be kept in ${scheme.double.format}, whose blocks are of a size of its own`);
  if (scheme.double && !(Number.isInteger(scheme.double.block) && scheme.double.block > 0))
    fail('numerics/group-size', { size: scheme.double.block });
  if (scheme.outliers) checkOutliers(scheme.outliers, dims, options.columnMagnitudes, name);
  const rank = scheme.lowRank?.rank;
  if (rank !== undefined && !(Number.isInteger(rank) && rank > 0))
    refuse(`the rank ${rank} is no positive integer`);
  if (elementCount(dims) > 2 ** 32 - 1) refuse('it has more values than 32-bit positions can name');
}
