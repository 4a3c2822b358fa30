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

function confusion(pairs: Float64Array): Map<number, { hit: number; label: number; predicted: number }> {
  const classes = new Map<number, { hit: number; label: number; predicted: number }>();
  const row = (k: number) => {
    let counts = classes.get(k);
    if (counts === undefined) classes.set(k, (counts = { hit: 0, label: 0, predicted: 0 }));
    return counts;
  };
  for (const pair of pairs) {
    const label = Math.floor(pair / maxClasses);
    const predicted = pair % maxClasses;
    row(label).label++;
    row(predicted).predicted++;
    if (label === predicted) row(label).hit++;
  }
  return classes;
}

/** 2 TP + FP + FN is the number of labels plus the number of predictions of the class. */
const f1Of = (c: { hit: number; label: number; predicted: number }) => (2 * c.hit) / (c.label + c.predicted);

/** F1 of class 1 against class 0. */
export const f1Binary: Aggregate = (pairs) => {
  const positive = confusion(pairs).get(1);
  return positive === undefined ? 0 : f1Of(positive);
};

/** The plain mean of the F1 of every class that occurs as a label or as a prediction. */
export const f1Macro: Aggregate = (pairs) => {
  const classes = [...confusion(pairs).values()];
  return classes.reduce((sum, c) => sum + f1Of(c), 0) / classes.length;
};
