import { type BlockFormatName, blockFormats } from '../numerics/index.ts';
import { dtypes } from '../tensor/index.ts';
import type { StoredType } from './tensor-source.ts';

/** Values that are stored together, and the bytes they take; a row is a whole number of them. */
export interface StoredBlock {
  readonly values: number;
  readonly sizeBytes: number;
}

/** The unit of a stored type: a ggml block, one element, or for types below 8 bits as many as fill bytes. */
export function storedBlock(type: StoredType): StoredBlock {
  if (Object.hasOwn(blockFormats, type)) {
    const { block, bytes } = blockFormats[type as BlockFormatName];
    return { values: block, sizeBytes: bytes };
  }
  const { bits } = dtypes[type as keyof typeof dtypes];
  return bits < 8 && bits > 0 ? { values: 8 / bits, sizeBytes: 1 } : { values: 1, sizeBytes: bits / 8 };
}

/**
 * Bytes of `count` values that fill whole blocks.
 * NaN when they do not, so that nothing computed from it can be mistaken for a size.
 */
export function storedBytes(type: StoredType, count: number): number {
  const { values, sizeBytes } = storedBlock(type);
  return count % values === 0 ? (count / values) * sizeBytes : Number.NaN;
}
