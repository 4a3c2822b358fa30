import type { BlockTwin } from './block-twin.ts';
import { halfBits, halfValue } from './half.ref.ts';
import { fitKAffine, roundKAffine, valueKAffine } from './k-affine-fit.ref.ts';
import { type KAffineFormat, type KAffineParameters, SUPER_BLOCK } from './k-affine-format.ref.ts';
import { nearestInt, searchGroup, storeByLargest, storeBySearch } from './k-affine-search.ref.ts';

const { fround: f, abs, sqrt, max, min } = Math;

function sumOfSquares(x: Float32Array): number {
  let sum = 0;
  for (const v of x) sum = f(sum + f(v * v));
  return sum;
}

/** What ggml's search weighs the errors of one group by. x, importance: [group] */
function searchWeights(
  x: Float32Array,
  importance: Float32Array | undefined,
  variance: number,
  { search, group }: KAffineFormat,
): Float32Array {
  if (importance) return x.map((v, i) => f(importance[i]! * f(sqrt(f(variance + f(v * v))))));
  const rms = search.rms ? f(sqrt(f(sumOfSquares(x) / group))) : 0;
  return x.map((v) => f(rms + abs(v)));
}

/** ggml's own search of a super-block. x, importance: [256]; codes: [256], written. */
function referenceSearch(
  format: KAffineFormat,
  x: Float32Array,
  importance: Float32Array | undefined,
  codes: Uint8Array,
): KAffineParameters {
  const { group, top, scaleTop, search } = format;
  const variance = f(f(search.variance * sumOfSquares(x)) / SUPER_BLOCK);
  const found = Array.from({ length: SUPER_BLOCK / group }, (_, g) => {
    const part = x.subarray(g * group, (g + 1) * group);
    const weights = searchWeights(part, importance?.subarray(g * group, (g + 1) * group), variance, format);
    return searchGroup(part, weights, top, importance ? search.weighted : search.plain);
  });
  const store = (values: Float32Array) =>
    importance
      ? storeBySearch(
          values,
          Float32Array.from(found, ({ weight }) => weight),
          scaleTop,
        )
      : storeByLargest(values, scaleTop);
  const scales = store(Float32Array.from(found, ({ scale }) => scale));
  const minima = store(Float32Array.from(found, ({ minimum }) => minimum));
  const limit = search.limits[importance ? 'weighted' : 'plain'];
  const chosen = {
    d: halfValue(halfBits(scales.factor)),
    dmin: halfValue(halfBits(minima.factor)),
    scales: scales.codes.map((l) => min(limit, l)),
    minima: minima.codes.map((l) => min(limit, l)),
  };
  // Codes follow from what the bytes hold, also where a scale does not fit.
  const stored = new Uint8Array(format.bytes);
  format.pack(chosen, codes.fill(0), stored);
  const parameters = format.unpack(stored, codes);
  for (let i = 0; i < SUPER_BLOCK; i++) {
    const g = Math.floor(i / group);
    const scale = f(parameters.d * parameters.scales[g]!);
    const minimum = f(parameters.dmin * parameters.minima[g]!);
    codes[i] =
      scale === 0 ? found[g]!.codes[i % group]! : max(0, min(top, nearestInt(f(f(x[i]! + minimum) / scale))));
  }
  return parameters;
}

/** The twin of one type with scales and minima. */
export function kAffineTwin(format: KAffineFormat): BlockTwin {
  const { bytes } = format;
  const codes = new Uint8Array(SUPER_BLOCK);
  return {
    encode(values, importance, search, out) {
      for (let at = 0, to = 0; at < values.length; at += SUPER_BLOCK, to += bytes) {
        const x = values.subarray(at, at + SUPER_BLOCK);
        const w = importance?.subarray(at, at + SUPER_BLOCK);
        let parameters: KAffineParameters;
        if (search === 'best') {
          parameters = fitKAffine(format, x, w);
          for (let i = 0; i < SUPER_BLOCK; i++) codes[i] = roundKAffine(format, parameters, i, x[i]!);
        } else parameters = referenceSearch(format, x, w, codes);
        format.pack(parameters, codes, out.subarray(to, to + bytes));
      }
    },
    decode(encoded, out) {
      for (let at = 0, from = 0; at < out.length; at += SUPER_BLOCK, from += bytes) {
        const parameters = format.unpack(encoded.subarray(from, from + bytes), codes);
        for (let i = 0; i < SUPER_BLOCK; i++) out[at + i] = valueKAffine(format, parameters, i, codes[i]!);
      }
    },
  };
}
