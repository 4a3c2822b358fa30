import type { GgufModel, Metadata } from '../../files/index.ts';
import type { TypePlanRequest } from '../../numerics/index.ts';

/** What the choice of types looks at, from the metadata; 0 where they say nothing. */
export function modelFacts({
  metadata,
}: GgufModel): Pick<TypePlanRequest, 'architecture' | 'layers' | 'heads' | 'keyHeads' | 'experts'> {
  const name = metadata.get('general.architecture');
  const architecture = name?.type === 'string' ? name.value : '';
  const count = (key: string) => countOf(metadata, `${architecture}.${key}`);
  const heads = count('attention.head_count') ?? 0;
  return {
    architecture,
    layers: count('block_count') ?? 0,
    heads,
    keyHeads: count('attention.head_count_kv') ?? heads,
    experts: count('expert_count') ?? 0,
  };
}

/** Whether a GGUF file holds an importance matrix, as llama-imatrix writes it. */
export const isImatrix = (metadata: Metadata): boolean =>
  metadata.has('imatrix.datasets') || metadata.get('general.type')?.value === 'imatrix';

/** A count; of the first layer where every layer has its own. */
function countOf(metadata: Metadata, key: string): number | undefined {
  const entry = metadata.get(key);
  const value = entry?.type === 'array' ? entry.value[0] : entry?.value;
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : undefined;
}
