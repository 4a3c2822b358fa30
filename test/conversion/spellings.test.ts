import { type ConvertedCheckpoint, convertCheckpoint } from 'lowbit/architectures';
import { memoryTensor, rowCountOf, type Siblings, type TensorSource } from 'lowbit/files';
import { describe, expect, test } from 'vitest';
import { type DecoderCase, folderOf, readCase, tinyCheckpoint, tinyTensor } from './tiny-checkpoint.ts';
import { asFloat32 } from './written-gguf.ts';

/**
 * The same model under other names, in other types and with older settings gives the same GGUF. The usual spelling of
 * each case is held to transformers' logits by decoders.test.ts.
 */
const convert = (folder: Siblings) => convertCheckpoint(folder, { vocabulary: false });

type Rename = (name: string) => string;

const spelled = (
  { config, tensors }: DecoderCase,
  rename: Rename,
  change: Record<string, unknown> = {},
  more: readonly TensorSource[] = [],
) =>
  folderOf({ ...config, ...change }, [
    ...tensors.map((row) => ({ ...tinyTensor(row), name: rename(row[0]) })),
    ...more,
  ]);

async function contents({ metadata, tensors }: ConvertedCheckpoint) {
  const values = new Map<string, string>();
  for (const tensor of tensors) {
    const bytes = await asFloat32(tensor).read(0, rowCountOf(tensor.shape));
    values.set(
      `${tensor.name} [${tensor.shape}] ${tensor.keep ?? ''}`,
      Buffer.from(bytes).toString('base64'),
    );
  }
  return { metadata: [...metadata], values: [...values] };
}

async function expectSame(name: string, folder: Siblings): Promise<ConvertedCheckpoint> {
  const [usual, other] = [await convert(await tinyCheckpoint(readCase(name))), await convert(folder)];
  expect(await contents(other)).toEqual(await contents(usual));
  return other;
}

const zeros = (name: string, shape: readonly number[]): TensorSource =>
  memoryTensor(name, shape, 'float32', new Uint8Array(4 * shape.reduce((a, b) => a * b, 1)));

test.for(['float16', 'bfloat16'] as const)('stored as %s', async (type) => {
  for (const name of ['llama', 'gemma2-query-scalar', 'gpt2', 'mixtral']) {
    const model = await expectSame(name, await tinyCheckpoint(readCase(name), type));
    const embedding = model.tensors.find((tensor) => tensor.name === 'token_embd.weight');
    expect(embedding!.type).toBe(type);
  }
});

test('a saved base model has no prefix', async () => {
  const plain = (prefix: string) => (name: string) => name.replace(prefix, '');
  await expectSame('llama', await spelled(readCase('llama'), plain('model.')));
  await expectSame('gpt2', await spelled(readCase('gpt2'), plain('transformer.')));
});

test('frequencies and masks are computed anew', async () => {
  const llama = readCase('llama');
  const frequencies = zeros('model.layers.0.self_attn.rotary_emb.inv_freq', [8]);
  await expectSame('llama', await spelled(llama, String, {}, [frequencies]));
  const masks = [zeros('h.0.attn.bias', [1, 1, 64, 64]), zeros('h.1.attn.masked_bias', [])];
  const rename = (name: string) => name.replace('transformer.', '');
  await expectSame('gpt2', await spelled(readCase('gpt2'), rename, {}, masks));
});

test('a tied output that is stored beside the embedding', async () => {
  const given = readCase('gemma2');
  const row = given.tensors.find(([name]) => name === 'model.embed_tokens.weight')!;
  const output = { ...tinyTensor(row), name: 'lm_head.weight' };
  await expectSame('gemma2', await spelled(given, String, {}, [output]));
  const other = zeros('lm_head.weight', row[1]);
  await expect(convert(await spelled(given, String, {}, [other]))).rejects.toThrow(
    "Gemma2ForCausalLM with lm_head.weight = another matrix than the embedding has no GGUF form: llama.cpp's graph 'gemma2' wants the embedding as its output, and would load the file and answer wrongly. Use the checkpoint as it is, or one without this setting.",
  );
});

describe('models that see', () => {
  const parts = (prefix: string) => [
    zeros(`${prefix}vision_tower.vision_model.embeddings.patch_embedding.weight`, [4, 4]),
    zeros(`${prefix}multi_modal_projector.mm_soft_emb_norm.weight`, [4]),
  ];
  const gemma = readCase('gemma3');
  const nested = {
    architectures: ['Gemma3ForConditionalGeneration'],
    model_type: 'gemma3',
    text_config: gemma.config,
  };
  const folder = (rename: Rename, prefix: string) =>
    folderOf(nested, [
      ...gemma.tensors.map((row) => ({ ...tinyTensor(row), name: rename(row[0]) })),
      ...parts(prefix),
    ]);

  test('as transformers 4 spelled them', async () => {
    const model = await expectSame('gemma3', await folder((name) => `language_model.${name}`, ''));
    expect(model.notes).toEqual(['2 tensors of other parts than the text model are left out.']);
  });

  test('as transformers 5 spells them', async () => {
    await expectSame(
      'gemma3',
      await folder((name) => name.replace('model.', 'model.language_model.'), 'model.'),
    );
  });
});

/** The experts of a case as transformers 5 has them in memory. */
function fused({ tensors }: DecoderCase, gate: string, up: string, down: string, folder: string) {
  const pattern = new RegExp(`^(.*)\\.${folder}\\.experts\\.0\\.${gate}\\.weight$`);
  const layers = tensors.flatMap(([name]) => name.match(pattern)?.[1] ?? []);
  const expert = (layer: string, i: number, part: string) =>
    tensors.find(([name]) => name === `${layer}.${folder}.experts.${i}.${part}.weight`);
  const stack = async (name: string, rows: readonly TensorSource[], shape: readonly number[]) => {
    const bytes = await Promise.all(rows.map((row) => row.read(0, rowCountOf(row.shape))));
    return memoryTensor(name, shape, 'float32', new Uint8Array(Buffer.concat(bytes)));
  };
  return layers.map(async (layer) => {
    const gates: TensorSource[] = [];
    const downs: TensorSource[] = [];
    for (let i = 0; expert(layer, i, gate) !== undefined; i++) {
      gates.push(tinyTensor(expert(layer, i, gate)!), tinyTensor(expert(layer, i, up)!));
      downs.push(tinyTensor(expert(layer, i, down)!));
    }
    const [rows, columns] = gates[0]!.shape as [number, number];
    return [
      await stack(`${layer}.mlp.experts.gate_up_proj`, gates, [downs.length, 2 * rows, columns]),
      await stack(`${layer}.mlp.experts.down_proj`, downs, [downs.length, columns, rows]),
    ];
  });
}

test.for([
  ['mixtral', 'w1', 'w3', 'w2', 'block_sparse_moe'],
  ['qwen3-moe', 'gate_proj', 'up_proj', 'down_proj', 'mlp'],
  ['olmoe', 'gate_proj', 'up_proj', 'down_proj', 'mlp'],
] as const)('%s with fused experts', async ([name, gate, up, down, folder]) => {
  const given = readCase(name);
  const experts = (await Promise.all(fused(given, gate, up, down, folder))).flat();
  const others = given.tensors
    .filter(([tensor]) => !tensor.includes('.experts.'))
    .map((row) => ({ ...tinyTensor(row), name: row[0].replace('block_sparse_moe.gate', 'mlp.gate') }));
  await expectSame(name, await folderOf(given.config, [...others, ...experts]));
});

/** Settings as they were written before transformers 5. */
const older: readonly (readonly [string, (rope: Record<string, never>) => Record<string, unknown>])[] = [
  [
    'llama-rope-linear',
    (r) => ({ rope_theta: r.rope_theta, rope_scaling: { type: 'linear', factor: r.factor } }),
  ],
  ['llama-rope-llama3', ({ rope_theta, ...scaling }) => ({ rope_theta, rope_scaling: scaling })],
  ['qwen2-rope-yarn', ({ rope_theta, ...scaling }) => ({ rope_theta, rope_scaling: scaling })],
  [
    'phi3-partial-longrope',
    ({ rope_theta, partial_rotary_factor, short_factor, long_factor }) => ({
      rope_theta,
      partial_rotary_factor,
      rope_scaling: { type: 'su', short_factor, long_factor },
    }),
  ],
  [
    'gemma3',
    ({ full_attention: full, sliding_attention: sliding }: Record<string, Record<string, number>>) => ({
      rope_theta: full!.rope_theta,
      rope_local_base_freq: sliding!.rope_theta,
      rope_scaling: { rope_type: 'linear', factor: full!.factor },
      layer_types: undefined,
      sliding_window_pattern: 4,
    }),
  ],
  ['stablelm', ({ rope_theta, partial_rotary_factor }) => ({ rope_theta, rope_pct: partial_rotary_factor })],
];

test.for(older)('%s with older settings', async ([name, settings]) => {
  const given = readCase(name);
  const rope = given.config.rope_parameters as Record<string, never>;
  const change = { ...settings(rope), rope_parameters: undefined };
  await expectSame(name, await spelled(given, String, change));
});

test('keys that are absent are what the class in transformers takes', async () => {
  const { num_key_value_heads, head_dim, hidden_act, rope_parameters, ...rest } = readCase('gemma').config;
  expect([num_key_value_heads, head_dim, hidden_act]).toEqual([1, 24, 'gelu_pytorch_tanh']);
  expect(rope_parameters).toEqual({ rope_theta: 10000, rope_type: 'default' });
  const config = { ...rest, num_key_value_heads, head_dim };
  await expectSame('gemma', await spelled({ ...readCase('gemma'), config }, String));
});

test('name, size and sampling', async () => {
  const { config, tensors } = readCase('mixtral');
  const generation = {
    do_sample: true,
    temperature: 0.5,
    top_k: 20,
    top_p: 0.75,
    min_p: 0.25,
    repetition_penalty: 1.5,
  };
  const folder = (files: Record<string, string>) =>
    folderOf(
      { ...config, _name_or_path: 'somewhere/Tiny-8x/' },
      tensors.map((row) => tinyTensor(row)),
      files,
    );
  const { metadata } = await convert(await folder({ 'generation_config.json': JSON.stringify(generation) }));
  expect([...metadata].filter(([key]) => key.startsWith('general.'))).toEqual([
    ['general.architecture', { type: 'string', value: 'llama' }],
    ['general.type', { type: 'string', value: 'model' }],
    ['general.sampling.top_k', { type: 'int32', value: 20 }],
    ['general.sampling.top_p', { type: 'float32', value: 0.75 }],
    ['general.sampling.min_p', { type: 'float32', value: 0.25 }],
    ['general.sampling.temp', { type: 'float32', value: 0.5 }],
    ['general.sampling.penalty_repeat', { type: 'float32', value: 1.5 }],
    ['general.name', { type: 'string', value: 'Tiny-8x' }],
    ['general.size_label', { type: 'string', value: '4x95K' }],
  ]);
  const greedy = await convert(
    await folder({ 'generation_config.json': JSON.stringify({ ...generation, do_sample: false }) }),
  );
  expect([...greedy.metadata.keys()].some((key) => key.includes('sampling'))).toBe(false);
  const named = await convertCheckpoint(await folder({}), { vocabulary: false, name: 'another' });
  expect(named.metadata.get('general.name')).toEqual({ type: 'string', value: 'another' });
});
