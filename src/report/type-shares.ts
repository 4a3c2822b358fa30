import type { TypeShareRecord } from './record.ts';

/** Tensors counted by type, most bytes first. */
export function typeShares(
  tensors: readonly { readonly type: string; readonly values: number; readonly sizeBytes: number }[],
): TypeShareRecord[] {
  const shares = new Map<string, { tensors: number; values: number; sizeBytes: number }>();
  for (const { type, values, sizeBytes } of tensors) {
    const share = shares.get(type) ?? { tensors: 0, values: 0, sizeBytes: 0 };
    share.tensors++;
    share.values += values;
    share.sizeBytes += sizeBytes;
    shares.set(type, share);
  }
  return [...shares]
    .map(([type, share]) => ({ type, ...share }))
    .sort((a, b) => b.sizeBytes - a.sizeBytes || (a.type < b.type ? -1 : 1));
}
