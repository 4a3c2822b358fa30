import { type FileTypeName, fileTypeAliases, fileTypes } from '../../numerics/index.ts';
import { fail } from '../../tensor/index.ts';

/** A GGUF file that a recipe asks for. */
export interface GgufTarget {
  /** As it stands in records: 'gguf:Q4_K_M', or 'gguf' for tensors as they are stored. */
  readonly label: string;
  /** undefined: every tensor keeps its type. */
  readonly fileType: FileTypeName | undefined;
}

/** Whether a name of `to` is about GGUF: 'gguf', 'gguf:Q4_K_M'. */
export const isGgufTarget = (name: string): boolean => /^gguf(:|$)/i.test(name);

const bare = (name: string): string => name.toUpperCase().replaceAll('_', '');

const byBareName: ReadonlyMap<string, FileTypeName> = new Map([
  ...(Object.keys(fileTypes) as FileTypeName[]).map((name) => [bare(name), name] as const),
  ...Object.entries(fileTypeAliases).map(([alias, name]) => [bare(alias), name] as const),
]);

/** The target that a file type without its 'gguf:' means, whatever its case: 'gguf:Q4_K_M' of 'q4_k_m'. */
export function ggufTargetOf(name: string): string | undefined {
  const type = byBareName.get(bare(name.replace(/^fp(?=16$|32$)/i, 'f')));
  return type && `gguf:${type}`;
}

/**
 * Reads 'gguf:q4_k_m', whatever its case and with or without underscores, and llama-quantize's shorter names.
 * @throws name/unknown for a file type that llama.cpp does not have
 */
export function parseGgufTarget(name: string): GgufTarget {
  const given = name.replace(/^gguf:?/i, '');
  if (given === '' || /^copy$/i.test(given)) return { label: 'gguf', fileType: undefined };
  const fileType = byBareName.get(bare(given));
  if (fileType === undefined) {
    const known = [...Object.keys(fileTypes), ...Object.keys(fileTypeAliases)];
    fail('name/unknown', { what: 'GGUF file type', got: given.toUpperCase(), known });
  }
  return { label: `gguf:${fileType}`, fileType };
}
