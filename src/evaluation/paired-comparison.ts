import { type Aggregate, bootstrapInterval } from './intervals.ts';

/** Two models on the same samples: a small drop is only visible when each sample is compared with itself. */

/** The exact test on the samples that only one of two models gets right (McNemar 1947). */
export interface McNemar {
  /** Samples that only the first model got right, and only the second. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
  /** Two-sided exact probability of a split at least so uneven if both models were equally good. */
  readonly pValue: number;
}

/**
 * Exact McNemar test on 0/1 values per sample.
 * McNemar, "Note on the sampling error of the difference between correlated proportions", 1947; the exact
 * form is a binomial test of the discordant pairs.
 */
export function mcNemar(first: Float64Array, second: Float64Array): McNemar {
  let onlyFirst = 0;
  let onlySecond = 0;
  for (let i = 0; i < first.length; i++) {
    if (first[i] === second[i]) continue;
    if (first[i] === 1) onlyFirst++;
    else onlySecond++;
  }
  return {
    onlyFirst,
    onlySecond,
    pValue: binomialTwoSided(Math.min(onlyFirst, onlySecond), onlyFirst + onlySecond),
  };
}

/** 2 P(X <= k) for X ~ Binomial(n, 1/2), at most 1; summed in logarithms so that n may be large. */
function binomialTwoSided(k: number, n: number): number {
  let logTerm = -n * Math.LN2; // log C(n, 0) / 2^n
  let sum = Math.exp(logTerm);
  for (let i = 1; i <= k; i++) {
    logTerm += Math.log((n - i + 1) / i);
    sum += Math.exp(logTerm);
  }
  return Math.min(1, 2 * sum);
}

/**
 * 95 % interval of `second - first` of a metric, samples resampled in pairs.
 * Lower ends below and upper ends above zero mean: the data cannot tell the two apart.
 */
export function pairedBootstrap(
  first: Float64Array,
  second: Float64Array,
  aggregate: Aggregate,
  seed = 1,
): [number, number] {
  const a = new Float64Array(first.length);
  const b = new Float64Array(first.length);
  return bootstrapInterval(
    first.length,
    (drawn) => {
      for (let i = 0; i < drawn.length; i++) {
        a[i] = first[drawn[i]!]!;
        b[i] = second[drawn[i]!]!;
      }
      return aggregate(b) - aggregate(a);
    },
    seed,
  );
}
