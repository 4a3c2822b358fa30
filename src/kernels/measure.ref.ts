/** Sums of squares in float64, in a fixed order: value i goes to partial sum i mod 4. */
export interface MeasureKernel {
  /** sum a^2 and sum (a - b)^2. Both arrays: [n]. */
  squares(a: Float32Array, b: Float32Array): { signal: number; noise: number };
}

/** The four partial sums from `at`, in the order both twins add them. */
export const sumOfFour = (sums: ArrayLike<number>, at: number) =>
  sums[at]! + sums[at + 1]! + (sums[at + 2]! + sums[at + 3]!);

/** The readable twin of assembly/measure.ts. */
export const measureReference: MeasureKernel = {
  squares(a, b) {
    const sums = new Float64Array(8);
    for (let i = 0; i < a.length; i++) {
      const error = a[i]! - b[i]!;
      sums[i & 3]! += a[i]! * a[i]!;
      sums[4 + (i & 3)]! += error * error;
    }
    return { signal: sumOfFour(sums, 0), noise: sumOfFour(sums, 4) };
  },
};
