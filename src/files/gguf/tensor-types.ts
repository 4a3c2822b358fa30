import { type BlockFormatName, blockFormats } from '../../numerics/index.ts';
import type { StoredType } from '../tensor-source.ts';

/** Whole numbers and doubles: ggml stores them as they are. Ids: ggml.h of ggml 0.25.1. */
const plainTypes = {
  int8: { label: 'I8', id: 24 },
  int16: { label: 'I16', id: 25 },
  int32: { label: 'I32', id: 26 },
  int64: { label: 'I64', id: 27 },
  float64: { label: 'F64', id: 28 },
} as const satisfies Partial<Record<StoredType, { label: string; id: number }>>;

/** The types that a tensor of a GGUF file may have. */
export type GgufTensorType = BlockFormatName | keyof typeof plainTypes;

const rows: readonly (readonly [GgufTensorType, { readonly label: string; readonly id: number }])[] = [
  ...(Object.entries(blockFormats) as [BlockFormatName, { label: string; id: number }][]),
  ...(Object.entries(plainTypes) as [keyof typeof plainTypes, { label: string; id: number }][]),
].sort(([, a], [, b]) => a.id - b.id);

const byId: ReadonlyMap<number, GgufTensorType> = new Map(rows.map(([name, { id }]) => [id, name]));
const byName: ReadonlyMap<string, { label: string; id: number }> = new Map(rows);

/** Labels of all types, by id. */
export const tensorTypeLabels: readonly string[] = rows.map(([, { label }]) => label);

/** What ids mean that ggml has, or had, but no file holds. */
const refused: Readonly<Record<number, string>> = {
  4: 'Q4_2, which ggml removed',
  5: 'Q4_3, which ggml removed',
  9: 'Q8_1, which ggml uses in memory only',
  15: 'Q8_K, which ggml uses in memory only',
  31: 'Q4_0_4_4, which ggml removed from files: it repacks Q4_0 when it loads',
  32: 'Q4_0_4_8, which ggml removed from files: it repacks Q4_0 when it loads',
  33: 'Q4_0_8_8, which ggml removed from files: it repacks Q4_0 when it loads',
  36: 'IQ4_NL_4_4, which ggml removed from files: it repacks IQ4_NL when it loads',
  37: 'IQ4_NL_4_8, which ggml removed from files: it repacks IQ4_NL when it loads',
  38: 'IQ4_NL_8_8, which ggml removed from files: it repacks IQ4_NL when it loads',
};

/** The type with this number in a file; a string says why there is none. */
export function tensorTypeOf(id: number): { readonly type: GgufTensorType } | { readonly why: string } {
  const type = byId.get(id);
  return type === undefined ? { why: refused[id] ?? 'unknown to ggml 0.25' } : { type };
}

/** ggml's number and label of a type; undefined when GGUF cannot hold it. */
export const tensorTypeRow = (type: string): { readonly label: string; readonly id: number } | undefined =>
  byName.get(type);
