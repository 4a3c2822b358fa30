import { elementCount, fail } from '../tensor/index.ts';

/** How many values share one scale. */
export type Granularity =
  /** One scale for the tensor. */
  | { readonly kind: 'per-tensor' }
  /** One scale per index of `axis`: weights [out, in] with axis 0 have `out` scales. */
  | { readonly kind: 'per-channel'; readonly axis: number }
  /** One scale per run of `size` values along `axis`: [8, 16] with axis 1, size 4 has 8 x 4 scales. */
  | { readonly kind: 'per-group'; readonly axis: number; readonly size: number }
  /** One scale per row of the last axis: [2, 7, 64] has 2 x 7 scales. Activations: one scale per token. */
  | { readonly kind: 'per-token' }
  /** One scale per block of the last two axes: [256, 512] in blocks of [128, 128] has 2 x 4 scales. */
  | { readonly kind: 'per-block'; readonly size: readonly [rows: number, columns: number] };

/** One scale for the whole tensor. */
export const perTensor: Granularity = { kind: 'per-tensor' };
/** One scale for each index of `axis`. */
export const perChannel = (axis: number): Granularity => ({ kind: 'per-channel', axis });
/** One scale for each run of `size` values along `axis`. */
export const perGroup = (axis: number, size: number): Granularity => ({ kind: 'per-group', axis, size });
/** One scale for each row of the last axis. */
export const perToken: Granularity = { kind: 'per-token' };
/** One scale for each block of [rows, columns] of the last two axes. */
export const perBlock = (rows: number, columns: number): Granularity => ({
  kind: 'per-block',
  size: [rows, columns],
});

/** @throws numerics/axis, numerics/group-size when a tensor of this shape cannot be divided so. */
export function checkGranularity(granularity: Granularity, dims: readonly number[]): void {
  const { kind } = granularity;
  if (kind === 'per-tensor' || kind === 'per-token') return;
  if (kind === 'per-block') {
    if (dims.length < 2) fail('numerics/axis', { axis: 1, dims: [...dims] });
    for (const size of granularity.size)
      if (!Number.isInteger(size) || size < 1) fail('numerics/group-size', { size });
    return;
  }
  const { axis } = granularity;
  if (!Number.isInteger(axis) || axis < 0 || axis >= dims.length)
    fail('numerics/axis', { axis, dims: [...dims] });
  if (kind === 'per-channel') return;
  const { size } = granularity;
  if (!Number.isInteger(size) || size < 1) fail('numerics/group-size', { size });
}

/**
 * Shape of the scales of a tensor: [] per tensor, [C] per channel, dims with axis divided per group, dims without the
 * last axis per token, dims with the last two axes divided per block.
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
    case 'per-token':
      return dims.slice(0, -1);
    case 'per-block': {
      const fromEnd = [...granularity.size].reverse();
      return dims.map((d, i) => Math.ceil(d / (fromEnd[dims.length - 1 - i] ?? 1)));
    }
  }
}

/** Number of scales. */
export function scaleCount(granularity: Granularity, dims: readonly number[]): number {
  return elementCount(scaleDims(granularity, dims));
}
