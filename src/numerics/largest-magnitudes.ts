/**
 * The largest magnitude of every run of `length` values, exact; the last run may be shorter. 0 for zeros.
 * What layouts store that keep the largest value itself, where a scale would be it over the largest code.
 */
export function largestMagnitudes(values: Float32Array, length: number): Float32Array {
  const out = new Float32Array(Math.ceil(values.length / Math.max(1, length)));
  for (let run = 0; run < out.length; run++) {
    const end = Math.min(values.length, (run + 1) * length);
    let largest = 0;
    for (let i = run * length; i < end; i++) largest = Math.max(largest, Math.abs(values[i]!));
    out[run] = largest;
  }
  return out;
}
