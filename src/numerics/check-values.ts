import { elementCount, fail } from '../tensor/index.ts';

/** @throws numerics/value-count when the shape wants another number. */
export function checkCount(got: number, dims: readonly number[], name: string): void {
  const wanted = elementCount(dims);
  if (got !== wanted) fail('numerics/value-count', { name, dims: [...dims], got, wanted });
}

/** @throws numerics/value-count when the shape wants another number, numerics/not-finite at the first NaN or Inf. */
export function checkValues(values: Float32Array, dims: readonly number[], name: string): void {
  checkCount(values.length, dims, name);
  for (let i = 0; i < values.length; i++) {
    const x = values[i]!;
    if (x - x !== 0) fail('numerics/not-finite', { name, index: i, value: String(x) });
  }
}
