import type { DType } from '../../tensor/index.ts';

/**
 * Element types of the safetensors format by their names in a file, in the format's own order: the writer puts
 * those further down first. Source: the format's reference library, 0.8.
 */
export const safetensorsTypes = {
  BOOL: 'bool',
  F4: 'float4e2m1',
  F6_E2M3: undefined,
  F6_E3M2: undefined,
  U8: 'uint8',
  I8: 'int8',
  F8_E5M2: 'float8e5m2',
  F8_E4M3: 'float8e4m3fn',
  F8_E8M0: 'float8e8m0',
  F8_E4M3FNUZ: 'float8e4m3fnuz',
  F8_E5M2FNUZ: 'float8e5m2fnuz',
  I16: 'int16',
  U16: 'uint16',
  F16: 'float16',
  BF16: 'bfloat16',
  I32: 'int32',
  U32: 'uint32',
  F32: 'float32',
  C64: 'complex64',
  F64: 'float64',
  I64: 'int64',
  U64: 'uint64',
} as const satisfies Record<string, DType | undefined>;

export type SafetensorsType = keyof typeof safetensorsTypes;

/** The names that lowbit reads. */
export const knownSafetensorsTypes: readonly string[] = Object.entries(safetensorsTypes)
  .filter(([, dtype]) => dtype !== undefined)
  .map(([name]) => name);

/** A type's name in a file and its place in the format's order; undefined when the format has none for it. */
export function safetensorsTypeOf(
  type: string,
): { readonly name: string; readonly rank: number } | undefined {
  const rank = Object.values<string | undefined>(safetensorsTypes).indexOf(type);
  return rank < 0 ? undefined : { name: Object.keys(safetensorsTypes)[rank]!, rank };
}
