import { blockFormats, type FileTypeName, fileTypes, inGgufOrder, planTypes } from 'lowbit/numerics';
import { expect, test } from 'vitest';
import { whyNoOracle } from '../ggml/oracle.ts';
import { type ModelDescription, openTypeOracle } from '../ggml/type-oracle.ts';

const why = whyNoOracle();
const oracle = why === undefined ? openTypeOracle() : undefined;
const names = Object.keys(fileTypes) as FileTypeName[];

interface Variant {
  readonly tied?: boolean;
  readonly fused?: boolean;
  readonly width?: number;
}

/** The tensors of a decoder in llama.cpp's names; stacked experts where the model has any. */
function decoder({ layers, experts }: ModelDescription, { tied, fused, width = 512 }: Variant) {
  const tensors: { name: string; shape: number[]; type: string }[] = [];
  const add = (name: string, ...shape: number[]) => tensors.push({ name, shape, type: 'float16' });
  const stack = experts > 0 ? [experts] : [];
  const suffix = experts > 0 ? '_exps' : '';
  add('token_embd.weight', 1024, width);
  if (!tied) add('output.weight', 1024, width);
  add('output_norm.weight', width);
  add('position_embd.weight', 64, width);
  for (let i = 0; i < layers; i++) {
    const layer = (name: string, ...shape: number[]) => add(`blk.${i}.${name}`, ...shape);
    layer('attn_norm.weight', width);
    if (fused) layer('attn_qkv.weight', 3 * width, width);
    else for (const part of ['q', 'k', 'v']) layer(`attn_${part}.weight`, width, width);
    layer('attn_q.bias', width);
    layer('attn_output.weight', width, width);
    if (experts > 0) layer('ffn_gate_inp.weight', experts, width);
    layer(`ffn_gate${suffix}.weight`, ...stack, 2 * width, width);
    layer(`ffn_up${suffix}.weight`, ...stack, 2 * width, width);
    layer(`ffn_down${suffix}.weight`, ...stack, width, 2 * width);
    layer('attn_kv_a_mqa.weight', 128, width);
    layer('one_row.weight', 1, width);
  }
  return inGgufOrder(tensors);
}

const models: readonly (ModelDescription & Variant)[] = [
  ...[1, 2, 3, 7, 8, 9, 16, 22, 32, 33, 48].map((layers) => ({
    architecture: 'llama',
    layers,
    heads: 8,
    keyHeads: 8,
    experts: 0,
  })),
  { architecture: 'llama', layers: 24, heads: 32, keyHeads: 8, experts: 0, tied: true },
  { architecture: 'llama', layers: 80, heads: 64, keyHeads: 8, experts: 0 },
  { architecture: 'llama', layers: 80, heads: 64, keyHeads: 64, experts: 0 },
  { architecture: 'llama', layers: 32, heads: 32, keyHeads: 8, experts: 8 },
  { architecture: 'llama', layers: 32, heads: 32, keyHeads: 16, experts: 4 },
  { architecture: 'qwen3moe', layers: 48, heads: 32, keyHeads: 4, experts: 128, tied: true },
  { architecture: 'qwen2', layers: 28, heads: 12, keyHeads: 2, experts: 0, tied: true },
  { architecture: 'gemma3', layers: 18, heads: 4, keyHeads: 1, experts: 0, tied: true, width: 640 },
  { architecture: 'phi3', layers: 32, heads: 32, keyHeads: 32, experts: 0, fused: true },
  {
    architecture: 'gpt2',
    layers: 12,
    heads: 12,
    keyHeads: 12,
    experts: 0,
    fused: true,
    tied: true,
    width: 768,
  },
  { architecture: 'falcon', layers: 32, heads: 71, keyHeads: 1, experts: 0, fused: true },
  { architecture: 'falcon', layers: 60, heads: 128, keyHeads: 8, experts: 0, fused: true },
  { architecture: 'llama', layers: 6, heads: 6, keyHeads: 6, experts: 0, width: 288 },
  { architecture: 'llama', layers: 4, heads: 4, keyHeads: 4, experts: 0, width: 100 },
  { architecture: 'bailingmoe3', layers: 20, heads: 16, keyHeads: 4, experts: 8 },
];

const label = (type: string | undefined) =>
  type === undefined ? 'as it is' : blockFormats[type as keyof typeof blockFormats].label;
const labelOf = new Map(Object.values(blockFormats).map((row) => [row.id as number, row.label as string]));

test.skipIf(why !== undefined).each([
  ['the mixture', {}],
  ['pure', { pure: true }],
  ['chosen output and embeddings', { outputType: 'q5_0', embeddingType: 'q4_1' }],
  ['chosen output', { outputType: 'bfloat16' }],
] as const)('every tensor has the type that llama.cpp gives it: %s', (_name, options) => {
  const chosen = options as {
    outputType?: keyof typeof blockFormats;
    embeddingType?: keyof typeof blockFormats;
    pure?: boolean;
  };
  const wrong: string[] = [];
  for (const model of models) {
    const tensors = decoder(model, model);
    // Rows that are no whole number of Q1_0's 128 values: llama.cpp knows no other type for them, and neither do we.
    const odd = (model.width ?? 512) % 128 !== 0;
    const tried = names.filter((n) => !odd || n !== 'Q1_0');
    if (odd && !chosen.outputType)
      expect(() => planTypes({ ...model, ...chosen, fileType: 'Q1_0', tensors })).toThrow('Q1_0');
    const wanted = oracle!(
      model,
      tensors,
      tried.map((n) => fileTypes[n].id),
      {
        pure: chosen.pure,
        outputType: chosen.outputType && blockFormats[chosen.outputType].id,
        embeddingType: chosen.embeddingType && blockFormats[chosen.embeddingType].id,
      },
    );
    tried.forEach((fileType, i) => {
      const planned = planTypes({ ...model, ...chosen, fileType, tensors });
      planned.forEach(({ name, type }, k) => {
        const want = wanted[i]![k];
        const wantLabel = want === undefined ? 'as it is' : labelOf.get(want);
        if (label(type) !== wantLabel)
          wrong.push(
            `${model.architecture} ${model.layers}x${model.experts} ${fileType} ${name}: ${label(type)}, llama.cpp ${wantLabel}`,
          );
      });
    });
  }
  expect(wrong.slice(0, 20)).toEqual([]);
});

test('the types of a mixture exist, and ids are apart', () => {
  const ids = names.map((name) => fileTypes[name].id);
  expect(new Set(ids).size).toBe(ids.length);
});
