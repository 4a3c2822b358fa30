import { toFloat32 } from '../numerics/index.ts';
import { dtypes, fail, type Tensor } from '../tensor/index.ts';

/**
 * Refuses NaN and Inf in the outputs of a batch.
 * `firstSample` is the index of the batch's first sample, `size` its number of samples.
 * @throws evaluation/not-finite naming model, output and sample.
 */
export function checkFinite(
  model: string,
  outputs: Readonly<Record<string, Tensor>>,
  firstSample: number,
  size: number,
): void {
  for (const [output, t] of Object.entries(outputs)) {
    if (dtypes[t.dtype].kind !== 'float') continue;
    const values = toFloat32(t);
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad < 0) continue;
    const perSample = Math.max(1, values.length / size);
    fail('evaluation/not-finite', {
      model,
      output,
      sample: firstSample + Math.min(size - 1, Math.floor(bad / perSample)),
      value: String(values[bad]),
    });
  }
}
