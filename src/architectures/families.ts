import { fail, nearest } from '../tensor/index.ts';
import { gemma, gemma2, gemma3 } from './families/gemma.ts';
import { gpt2 } from './families/gpt2.ts';
import { llama, mistral, mistral3 } from './families/llama.ts';
import { mixtral } from './families/mixtral.ts';
import { olmo, olmo2, olmo3, olmoe } from './families/olmo.ts';
import { phi2, phi3 } from './families/phi.ts';
import { qwen2, qwen2Moe, qwen3, qwen3Moe } from './families/qwen.ts';
import { smollm3 } from './families/smollm3.ts';
import { stablelm } from './families/stablelm.ts';
import type { Family } from './family.ts';

/** Every architecture that converts. */
export const families: readonly Family[] = [
  llama,
  mistral,
  mistral3,
  mixtral,
  smollm3,
  qwen2,
  qwen2Moe,
  qwen3,
  qwen3Moe,
  gemma,
  gemma2,
  gemma3,
  phi2,
  phi3,
  gpt2,
  stablelm,
  olmo,
  olmo2,
  olmo3,
  olmoe,
];

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
