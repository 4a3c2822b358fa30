import {
  type Codes,
  formats,
  type NumberFormat,
  parseScheme,
  type QuantizedTensor,
  roundTrip,
  valueDistribution,
} from '../numerics/index.ts';
import type { DistributionRecord, FormatFit, FormatMisfit } from '../report/index.ts';
import { LowbitError, throwIfAborted } from '../tensor/index.ts';
import { type NamedWeight, openNamedWeights, weightNamed } from './named-weights.ts';
import type { ModelInput } from './recipe.ts';
import { lowbitVersion } from './version.ts';

export interface DistributionOptions {
  readonly model: ModelInput;
  /** Name of a tensor; default: the largest one that is quantized. */
  readonly tensor?: string;
  /** Schemes as text: 'nf4/64', 'int4/32:asymmetric'. */
  readonly formats: readonly string[];
  /** Parts of the histogram. Default 96. */
  readonly bins?: number;
  readonly signal?: AbortSignal;
}

/**
 * How the values of one tensor meet the levels of formats: histogram, levels, error, SQNR.
 *
 * @example await distribution({ model: 'model.onnx', tensor: 'fc.weight', formats: ['nf4/64', 'int4/64'] });
 * @throws tensor/unknown, name/unknown, scheme/text, numerics/not-finite, and what opening the model throws
 */
export async function distribution(options: DistributionOptions): Promise<DistributionRecord> {
  const { model, formats: texts, bins = 96, signal } = options;
  for (const text of texts) if (!/^gguf:/i.test(text)) parseScheme(text);
  const { file, weights, close } = await openNamedWeights(model);
  try {
    const weight = options.tensor === undefined ? largestOf(weights) : weightNamed(weights, options.tensor);
    const values = await weight.read();
    const fits: FormatFit[] = [];
    const misfits: FormatMisfit[] = [];
    for (const text of texts) {
      throwIfAborted(signal);
      const { dims, name } = weight;
      const input = { values, dims, axes: axesOf(weight), name };
      const trip = await roundTrip(text, input).catch((error: unknown) => {
        if (!(error instanceof LowbitError) || !ofTheTensor.has(error.code)) throw error;
        misfits.push({ scheme: text, reason: error.message });
        return undefined;
      });
      if (trip === undefined) continue;
      fits.push({
        scheme: trip.scheme,
        bitsPerWeight: trip.bits / values.length,
        ...errorsOf(values, trip.values),
        ...(trip.composite ? levelsOf(trip.composite.base) : ofBlocks),
      });
    }
    return {
      schema: 1,
      command: 'distribution',
      lowbitVersion,
      file,
      tensor: { name: weight.name, shape: weight.shape, type: weight.type },
      distribution: valueDistribution(values, bins),
      formats: fits,
      ...(misfits.length > 0 && { misfits }),
    };
  } finally {
    await close();
  }
}

/** Errors that say that a format and a tensor do not go together; other formats may fit. */
const ofTheTensor: ReadonlySet<string> = new Set<LowbitError['code']>([
  'ggml/row-length',
  'numerics/axis',
  'numerics/beyond-range',
  'numerics/composite',
  'numerics/fixed-block',
]);

/** Types of ggml have levels of levels: none are drawn. */
const ofBlocks: Pick<FormatFit, 'levels' | 'codes' | 'usedCodes' | 'blocks'> = {
  levels: [],
  codes: 0,
  usedCodes: 0,
  blocks: 0,
};

/** The largest weight with rows and columns; of none, the largest. */
function largestOf(weights: readonly NamedWeight[]): NamedWeight {
  const size = ({ dims }: NamedWeight) => dims.reduce((a, b) => a * b, 1) * (dims.length > 1 ? 1e9 : 1);
  const [first, ...rest] = weights;
  if (first === undefined) return weightNamed(weights, '');
  return rest.reduce((best, w) => (size(w) > size(best) ? w : best), first);
}

/** A vector has one axis: it is both. */
const axesOf = ({ axes, dims }: NamedWeight) => ({
  channel: Math.min(axes.channel, dims.length - 1),
  group: Math.min(axes.group, dims.length - 1),
});

function errorsOf(values: Float32Array, back: Float32Array) {
  let signal = 0;
  let noise = 0;
  let maxError = 0;
  for (let i = 0; i < values.length; i++) {
    const error = values[i]! - back[i]!;
    signal += values[i]! * values[i]!;
    noise += error * error;
    maxError = Math.max(maxError, Math.abs(error));
  }
  const sqnrDb = noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(signal / noise);
  return { mse: noise / values.length, sqnrDb, maxError };
}

/**
 * The reals of all codes in the block of the median scale, and how many codes the tensor uses: of those that mean a
 * finite real, -0 and 0 as one. Levels of more codes than 2^16, which no picture tells apart, are those of the first.
 */
function levelsOf(q: QuantizedTensor): Pick<FormatFit, 'levels' | 'codes' | 'usedCodes' | 'blocks'> {
  const format: NumberFormat = formats[q.scheme.format];
  const { bits, unit, bookSize, minCode, table } = format;
  const order = [...q.scale.keys()].sort((a, b) => Math.abs(q.scale[a]!) - Math.abs(q.scale[b]!));
  const at = order[order.length >> 1]!;
  const count = 2 ** Math.min(bits, 16);
  const codes = format.createCodes(count).map((_, i) => minCode + i) as Codes;
  const layout = { rows: 1, length: count * unit, block: count * unit };
  const reals = format.decode(
    {
      codes,
      scale: q.scale.subarray(at, at + 1),
      ...(q.zeroPoint && { zeroPoint: q.zeroPoint.subarray(at, at + 1) }),
      ...(q.realZero && { realZero: q.realZero.subarray(at, at + 1) }),
      ...(q.book && { book: q.book.subarray(at * bookSize, (at + 1) * bookSize) }),
    },
    layout,
  );
  const levels = [...new Set(reals.filter(Number.isFinite))].sort((a, b) => a - b);
  return {
    levels,
    codes: format.levels,
    usedCodes: used(q.codes, unit === 1 ? table?.() : undefined),
    blocks: q.scale.length,
  };
}

/** Codes in use; of fixed levels, those that differ in what they mean. */
function used(codes: Codes, table: Float32Array | undefined): number {
  const seen = new Set(codes);
  return table ? new Set([...seen].map((code) => table[code]! + 0).filter(Number.isFinite)).size : seen.size;
}
