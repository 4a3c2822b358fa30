import { elementCount, fail } from '../tensor/index.ts';

/** How many values share one scale. */
export type Granularity =
  /** One scale for the tensor. */
  | { readonly kind: 'per-tensor' }
  /** One scale per index of `axis`: weights [out, in] with axis 0 have `out` scales. */
  | { readonly kind: 'per-channel'; readonly axis: number }
  /** One scale per run of `size` values along `axis`: [8, 16] with axis 1, size 4 has 8 x 4 scales. */
  | { readonly kind: 'per-group'; readonly axis: number; readonly size: number };

/** One scale for the whole tensor. */
export const perTensor: Granularity = { kind: 'per-tensor' };
/** One scale for each index of `axis`. */
export const perChannel = (axis: number): Granularity => ({ kind: 'per-channel', axis });
/** One scale for each run of `size` values along `axis`. */
export const perGroup = (axis: number, size: number): Granularity => ({ kind: 'per-group', axis, size });

/** @throws numerics/axis, numerics/group-size when a tensor of this shape cannot be divided so. */
export function checkGranularity(granularity: Granularity, dims: readonly number[]): void {
  if (granularity.kind === 'per-tensor') return;
  const { axis } = granularity;
  if (!Number.isInteger(axis) || axis < 0 || axis >= dims.length)
    fail('numerics/axis', { axis, dims: [...dims] });
  if (granularity.kind === 'per-channel') return;
  const { size } = granularity;
  if (!Number.isInteger(size) || size < 1) fail('numerics/group-size', { size });
}

/**
 * Shape of the scales of a tensor: [] per tensor, [C] per channel, dims with axis divided per group.
 * @throws numerics/axis, numerics/group-size
 */
export function scaleDims(granularity: Granularity, dims: readonly number[]): number[] {
  checkGranularity(granularity, dims);
  switch (granularity.kind) {
    case 'per-tensor':
      return [];
    case 'per-channel':
      return [dims[granularity.axis]!];
    case 'per-group':
      return dims.map((d, i) => (i === granularity.axis ? Math.ceil(d / granularity.size) : d));
  }
}

/** Number of scales. */
export function scaleCount(granularity: Granularity, dims: readonly number[]): number {
  return elementCount(scaleDims(granularity, dims));
}
