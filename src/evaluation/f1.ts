import type { Aggregate } from './intervals.ts';

/**
 * F1 = 2 TP / (2 TP + FP + FN), the harmonic mean of precision and recall; 0 where nothing was right and
 * something was wrong. A sample's value is its (label, prediction) pair as one number, so that F1 can be
 * computed again on any resample.
 */

/** Classes a pair can hold. */
const maxClasses = 2 ** 20;

export function encodePair(label: number, predicted: number): number {
  return label * maxClasses + predicted;
}

/** Per class, one after another: hits, and labels plus predictions (2 TP + FP + FN). */
function countsOf(pairs: Float64Array): Float64Array {
  let classes = 0;
  for (const pair of pairs)
    classes = Math.max(classes, Math.floor(pair / maxClasses) + 1, (pair % maxClasses) + 1);
  const counts = new Float64Array(2 * classes);
  for (const pair of pairs) {
    const label = Math.floor(pair / maxClasses);
    const predicted = pair % maxClasses;
    counts[2 * label + 1]!++;
    counts[2 * predicted + 1]!++;
    if (label === predicted) counts[2 * label]!++;
  }
  return counts;
}

/** F1 of class 1 against class 0. */
export const f1Binary: Aggregate = (pairs) => {
  const [, , hits = 0, both = 0] = countsOf(pairs);
  return both === 0 ? 0 : (2 * hits) / both;
};

/** The plain mean of the F1 of every class that occurs as a label or as a prediction. */
export const f1Macro: Aggregate = (pairs) => {
  const counts = countsOf(pairs);
  let sum = 0;
  let classes = 0;
  for (let k = 0; k < counts.length; k += 2) {
    const both = counts[k + 1]!;
    if (both === 0) continue;
    sum += (2 * counts[k]!) / both;
    classes++;
  }
  return sum / classes;
};
