import type { MetadataValue } from '../files/index.ts';

/** Values of GGUF metadata, by type. */
export const uint32 = (value: number): MetadataValue => ({ type: 'uint32', value });
export const int32 = (value: number): MetadataValue => ({ type: 'int32', value });
export const float32 = (value: number): MetadataValue => ({ type: 'float32', value });
export const bool = (value: boolean): MetadataValue => ({ type: 'bool', value });
export const text = (value: string): MetadataValue => ({ type: 'string', value });
export const bools = (value: readonly boolean[]): MetadataValue => ({ type: 'array', of: 'bool', value });

/** llama.cpp's word for a model that takes token ids only. */
export const withoutVocabulary: ReadonlyMap<string, MetadataValue> = new Map([
  ['tokenizer.ggml.model', text('no_vocab')],
]);
