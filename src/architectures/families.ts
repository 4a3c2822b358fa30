import { fail, nearest } from '../tensor/index.ts';
import { llama, mistral } from './families/llama.ts';
import type { Family } from './family.ts';

/** Every architecture that converts. */
export const families: readonly Family[] = [llama, mistral];

/** The entries of `architectures` in config.json that convert. */
export const knownArchitectures: readonly string[] = families
  .flatMap(({ huggingFace }) => huggingFace)
  .sort();

/** @throws architecture/unknown */
export function familyOf(architecture: string): Family {
  const family = families.find(({ huggingFace }) => huggingFace.includes(architecture));
  if (family !== undefined) return family;
  const near = nearest(architecture, knownArchitectures);
  return fail('architecture/unknown', {
    got: architecture,
    ...(near !== undefined && { nearest: near }),
    known: knownArchitectures,
  });
}
