import { type FileTypeName, fileTypeAliases, fileTypes } from '../../numerics/index.ts';
import { fail, nearest } from '../../tensor/index.ts';

/** A GGUF file that a recipe asks for. */
export interface GgufTarget {
  /** As it stands in records: 'gguf:Q4_K_M', or 'gguf' for tensors as they are stored. */
  readonly label: string;
  /** undefined: every tensor keeps its type. */
  readonly fileType: FileTypeName | undefined;
}

/** Whether a name of `to` is about GGUF: 'gguf', 'gguf:Q4_K_M'. */
export const isGgufTarget = (name: string): boolean => /^gguf(:|$)/i.test(name);

/**
 * Reads 'gguf:q4_k_m', whatever its case, and llama-quantize's shorter names.
 * @throws name/unknown for a file type that llama.cpp does not have
 */
export function parseGgufTarget(name: string): GgufTarget {
  const given = name.replace(/^gguf:?/i, '');
  if (given === '' || /^copy$/i.test(given)) return { label: 'gguf', fileType: undefined };
  const upper = given.toUpperCase();
  const fileType = Object.hasOwn(fileTypeAliases, upper) ? fileTypeAliases[upper]! : upper;
  if (!Object.hasOwn(fileTypes, fileType)) {
    const known = Object.keys(fileTypes);
    const near = nearest(upper, known);
    fail('name/unknown', {
      what: 'GGUF file type',
      got: near === undefined ? given : upper,
      known: [...known, ...Object.keys(fileTypeAliases)],
    });
  }
  return { label: `gguf:${fileType}`, fileType: fileType as FileTypeName };
}
