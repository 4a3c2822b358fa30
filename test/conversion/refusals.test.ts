import { convertCheckpoint, convertLlama2c } from 'lowbit/architectures';
import { memorySiblings, memorySource, memoryTensor, type Siblings, type TensorSource } from 'lowbit/files';
import { LowbitError } from 'lowbit/tensor';
import { describe, expect, test } from 'vitest';
import { type DecoderCase, folderOf, readCase, tinyTensor } from './tiny-checkpoint.ts';

/** Checkpoints that do not convert: each is refused by name, and the message says what to do. */
const llama = readCase('llama');

async function refusal(folder: Siblings): Promise<string> {
  const error = await convertCheckpoint(folder, { vocabulary: false }).then(
    () => undefined,
    (e) => e,
  );
  expect(error).toBeInstanceOf(LowbitError);
  expect((error as LowbitError).exitCode).toBe(2);
  return `${(error as LowbitError).code}: ${(error as LowbitError).message}`;
}

const tensorsOf = ({ tensors }: DecoderCase, type?: 'float32' | 'float16') =>
  tensors.map((row) => tinyTensor(row, type));

/** A case with other settings. */
const withConfig = async (change: Record<string, unknown>, name = 'llama') => {
  const given = readCase(name);
  return refusal(await folderOf({ ...given.config, ...change }, tensorsOf(given)));
};

/** The Llama case with other tensors. */
const withTensors = async (change: (tensors: TensorSource[]) => TensorSource[]) =>
  refusal(await folderOf(llama.config, change(tensorsOf(llama))));

const withText = async (config: string) => refusal(await folderOf(config, tensorsOf(llama)));

describe('config.json', () => {
  test('is missing', async () => {
    expect(await refusal(memorySiblings(new Map()))).toMatchInlineSnapshot(
      `"file/missing: There is no file config.json. Check the path."`,
    );
  });
  test('is not JSON', async () => {
    expect(await withText('{')).toMatchInlineSnapshot(
      `"checkpoint/config: config.json is something else, but JSON is wanted. Copy or download the file again, or correct it."`,
    );
  });
  test('is a list', async () => {
    expect(await withText('[]')).toMatchInlineSnapshot(
      `"checkpoint/config: config.json is another value, but a JSON object is wanted. Copy or download the file again, or correct it."`,
    );
  });
  test('is far too large', async () => {
    expect(await withText(`{"a":"${'x'.repeat(2 ** 22)}"}`)).toMatchInlineSnapshot(
      `"checkpoint/config: config.json is 4194312 bytes, but at most 4194304 bytes of JSON is wanted. Copy or download the file again, or correct it."`,
    );
  });
  test('says no architecture', async () => {
    expect(await withConfig({ architectures: undefined })).toMatchInlineSnapshot(
      `"checkpoint/config: 'architectures' in config.json is nothing, but a list with the class of the model, such as ["LlamaForCausalLM"], is wanted. Copy or download the file again, or correct it."`,
    );
  });
  test('says an architecture that is nearly one', async () => {
    expect(await withConfig({ architectures: ['LlamaForCausualLM'] })).toMatchInlineSnapshot(
      `"architecture/unknown: Architecture 'LlamaForCausualLM' of config.json is not known. Did you mean 'LlamaForCausalLM'? Known: GPT2LMHeadModel, Gemma2ForCausalLM, Gemma3ForCausalLM, Gemma3ForConditionalGeneration, GemmaForCausalLM, LLaMAForCausalLM, LlamaForCausalLM, LlamaModel, Ministral3ForCausalLM, Mistral3ForConditionalGeneration, MistralForCausalLM, MixtralForCausalLM, Olmo2ForCausalLM, Olmo3ForCausalLM, OlmoForCausalLM, OlmoeForCausalLM, Phi3ForCausalLM, PhiForCausalLM, Qwen2ForCausalLM, Qwen2Model, Qwen2MoeForCausalLM, Qwen3ForCausalLM, Qwen3Model, Qwen3MoeForCausalLM, SmolLM3ForCausalLM, StableLMEpochForCausalLM, StableLmForCausalLM. docs/conversion.md shows how one is added."`,
    );
  });
  test('says an architecture of another kind', async () => {
    expect(await withConfig({ architectures: ['BertModel'] })).toMatch(
      /^architecture\/unknown: Architecture 'BertModel' of config.json is not known. Known: /,
    );
  });
  test('has a size that is none', async () => {
    expect(await withConfig({ hidden_size: '64' })).toMatchInlineSnapshot(
      `"checkpoint/config: 'hidden_size' in config.json is "64", but a positive whole number is wanted. Copy or download the file again, or correct it."`,
    );
    expect(await withConfig({ vocab_size: -1 })).toMatchInlineSnapshot(
      `"checkpoint/config: 'vocab_size' in config.json is -1, but a positive whole number is wanted. Copy or download the file again, or correct it."`,
    );
    expect(await withConfig({ rms_norm_eps: null })).toMatchInlineSnapshot(
      `"checkpoint/config: 'rms_norm_eps' in config.json is nothing, but a number above 0 is wanted. Copy or download the file again, or correct it."`,
    );
  });
  test('has sizes that do not fit each other', async () => {
    expect(await withConfig({ head_dim: null, num_attention_heads: 7 })).toMatchInlineSnapshot(
      `"checkpoint/config: 'num_attention_heads' in config.json is 7, but a divisor of the hidden size 64 (there is no head_dim) is wanted. Copy or download the file again, or correct it."`,
    );
    expect(await withConfig({ num_key_value_heads: 3 })).toMatchInlineSnapshot(
      `"checkpoint/config: 'num_key_value_heads' in config.json is 3, but a divisor of the 4 heads that share them is wanted. Copy or download the file again, or correct it."`,
    );
  });
  test('has more layers than llama.cpp has room for', async () => {
    expect(await withConfig({ num_hidden_layers: 1e9 })).toMatchInlineSnapshot(
      `"checkpoint/config: 'num_hidden_layers' in config.json is 1000000000, but at most 512 (what llama.cpp has room for) is wanted. Copy or download the file again, or correct it."`,
    );
  });
  test('has more experts than the checkpoint', async () => {
    expect(await withConfig({ num_local_experts: 2e9 }, 'mixtral')).toMatchInlineSnapshot(
      `"checkpoint/tensor-shape: Tensor 'model.layers.0.block_sparse_moe.gate.weight' has the shape [4, 64], but by config.json it is [2000000000, 64]. The two belong to different models; take both from one."`,
    );
  });
  test('has a rotary factor or base that is none', async () => {
    expect(await withConfig({ rope_parameters: { rope_type: 'linear', factor: 0 } })).toMatchInlineSnapshot(
      `"checkpoint/config: 'factor' in config.json, rope_parameters is 0, but a number above 0 is wanted. Copy or download the file again, or correct it."`,
    );
    expect(await withConfig({ rope_parameters: { rope_theta: -1 } })).toMatchInlineSnapshot(
      `"checkpoint/config: 'rope_theta' in config.json, rope_parameters is -1, but a number above 0 is wanted. Copy or download the file again, or correct it."`,
    );
  });
  test('has a head as wide as no tensor', async () => {
    const rope = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
    expect(await withConfig({ head_dim: 2e9, rope_parameters: rope })).toMatchInlineSnapshot(
      `"checkpoint/tensor-shape: Tensor 'model.layers.0.self_attn.q_proj.weight' has the shape [64, 64], but by config.json it is [8000000000, 64]. The two belong to different models; take both from one."`,
    );
  });
  test('has factors for another number of frequencies', async () => {
    const rope = { rope_type: 'longrope', factor: 4, long_factor: [1, 2], short_factor: [1, 2] };
    expect(await withConfig({ rope_parameters: rope })).toMatchInlineSnapshot(
      `"checkpoint/config: 'long_factor' in config.json, rope_parameters is [1,2], but a list of 8 numbers is wanted. Copy or download the file again, or correct it."`,
    );
  });
});

describe('tensors', () => {
  test('one is missing', async () => {
    expect(
      await withTensors((all) => all.filter(({ name }) => name !== 'model.layers.2.mlp.up_proj.weight')),
    ).toMatchInlineSnapshot(
      `"checkpoint/tensor-missing: The checkpoint has no tensor 'model.layers.2.mlp.up_proj.weight', which Llama models have (the nearest is 'model.layers.2.mlp.down_proj.weight'): 'blk.2.ffn_up.weight' is made of it. A file of it is missing, or config.json belongs to another model."`,
    );
  });
  test('the output is missing, and nothing says that the embedding is it', async () => {
    expect(
      await withTensors((all) => all.filter(({ name }) => name !== 'lm_head.weight')),
    ).toMatchInlineSnapshot(
      `"checkpoint/tensor-missing: The checkpoint has no tensor 'lm_head.weight', which Llama models have: 'output.weight' is made of it. A file of it is missing, or config.json belongs to another model."`,
    );
  });
  test('some are left over', async () => {
    const more = Array.from({ length: 7 }, (_, i) =>
      memoryTensor(`model.layers.0.lora_${i}.weight`, [1], 'float32', new Uint8Array(4)),
    );
    expect(await withTensors((all) => [...all, ...more])).toMatchInlineSnapshot(
      `"checkpoint/tensor-unexpected: The checkpoint has tensors that no Llama model has: model.layers.0.lora_0.weight, model.layers.0.lora_1.weight, model.layers.0.lora_2.weight, model.layers.0.lora_3.weight, model.layers.0.lora_4.weight and 2 more. They would be lost; config.json belongs to another model, or this one was changed (adapters, more heads). Merge or remove them first."`,
    );
  });
  test('a layer too many', async () => {
    expect(await withConfig({ num_hidden_layers: 2 })).toMatchInlineSnapshot(
      `"checkpoint/tensor-unexpected: The checkpoint has tensors that no Llama model has: model.layers.2.input_layernorm.weight, model.layers.2.mlp.down_proj.weight, model.layers.2.mlp.gate_proj.weight, model.layers.2.mlp.up_proj.weight, model.layers.2.post_attention_layernorm.weight and 4 more. They would be lost; config.json belongs to another model, or this one was changed (adapters, more heads). Merge or remove them first."`,
    );
  });
  test('a bias that no setting announces', async () => {
    const bias = memoryTensor('model.layers.0.self_attn.q_proj.bias', [64], 'float32', new Uint8Array(256));
    expect(await withTensors((all) => [...all, bias])).toMatchInlineSnapshot(
      `"checkpoint/tensor-unexpected: The checkpoint has tensors that no Llama model has: model.layers.0.self_attn.q_proj.bias. They would be lost; config.json belongs to another model, or this one was changed (adapters, more heads). Merge or remove them first."`,
    );
  });
  test('another shape', async () => {
    expect(await withConfig({ vocab_size: 300 })).toMatchInlineSnapshot(
      `"checkpoint/tensor-shape: Tensor 'model.embed_tokens.weight' has the shape [256, 64], but by config.json it is [300, 64]. The two belong to different models; take both from one."`,
    );
  });
  test('a transposed matrix', async () => {
    const given = readCase('gpt2-inner');
    const turned = given.tensors.map(([name, shape, base, shift]) =>
      tinyTensor([name, name.endsWith('c_fc.weight') ? shape.toReversed() : shape, base, shift]),
    );
    expect(await refusal(await folderOf(given.config, turned))).toMatchInlineSnapshot(
      `"checkpoint/tensor-shape: Tensor 'transformer.h.0.mlp.c_fc.weight' has the shape [160, 64], but by config.json it is [64, 160]. The two belong to different models; take both from one."`,
    );
  });
  test('whole numbers', async () => {
    const codes = memoryTensor(
      'model.layers.0.mlp.up_proj.weight',
      [96, 64],
      'int8',
      new Uint8Array(96 * 64),
    );
    expect(
      await withTensors((all) => all.map((t) => (t.name === codes.name ? codes : t))),
    ).toMatchInlineSnapshot(
      `"checkpoint/tensor-type: Tensor 'model.layers.0.mlp.up_proj.weight' is int8, which holds no weights. Save the checkpoint as float32, float16 or bfloat16."`,
    );
  });
  test('experts of different types', async () => {
    const given = readCase('mixtral');
    const mixed = given.tensors.map((row) =>
      tinyTensor(row, row[0].endsWith('experts.1.w1.weight') ? 'float16' : 'float32'),
    );
    expect(await refusal(await folderOf(given.config, mixed))).toMatchInlineSnapshot(
      `"checkpoint/tensor-type: Tensor 'model.layers.0.block_sparse_moe.experts.1.w1.weight' is float16, but 'model.layers.0.block_sparse_moe.experts.0.w1.weight', which becomes one tensor with it, is float32. Save the checkpoint in one type."`,
    );
  });
});

describe('quantized checkpoints', () => {
  test.for(['gptq', 'awq', 'mxfp4', 'bitnet', 'hqq'])('%s', async (quant_method) => {
    expect(await withConfig({ quantization_config: { quant_method, bits: 4 } })).toBe(
      `checkpoint/quantized: The checkpoint is quantized already, with ${quant_method}: lowbit cannot read its codes. Take the checkpoint it was made from; of quantized ones those of bitsandbytes and 8-bit floats are read (quant_method bitsandbytes, fp8, fbgemm_fp8, compressed-tensors, modelopt).`,
    );
  });
  test('compressed-tensors with whole numbers', async () => {
    const quantization_config = { quant_method: 'compressed-tensors', format: 'pack-quantized' };
    expect(await withConfig({ quantization_config })).toMatchInlineSnapshot(
      `"checkpoint/quantized: The checkpoint is quantized already, with compressed-tensors ("pack-quantized"): lowbit cannot read its codes. Take the checkpoint it was made from; of quantized ones those of bitsandbytes and 8-bit floats are read (quant_method bitsandbytes, fp8, fbgemm_fp8, compressed-tensors, modelopt)."`,
    );
  });
});

describe('settings that no graph of llama.cpp computes', () => {
  const refused: readonly (readonly [string, Record<string, unknown>])[] = [
    ['llama', { hidden_act: 'gelu' }],
    ['llama', { rope_parameters: { rope_type: 'mrope', rope_theta: 1e4 } }],
    ['llama', { rope_parameters: { rope_type: 'yarn', factor: 4, beta_fast: 16 } }],
    ['llama', { rope_parameters: { rope_type: 'yarn', factor: 4, truncate: false } }],
    ['llama', { partial_rotary_factor: 0.5 }],
    ['stablelm', { rope_parameters: { rope_type: 'default', partial_rotary_factor: 0.2 } }],
    ['qwen2', { rope_parameters: { rope_type: 'llama3', factor: 8 } }],
    ['qwen2', { head_dim: 24 }],
    ['qwen3', { attention_bias: true }],
    ['qwen2-moe', { norm_topk_prob: true }],
    ['qwen2-moe', { mlp_only_layers: [0] }],
    ['qwen3-moe', { norm_topk_prob: false }],
    ['qwen3-moe', { decoder_sparse_step: 2 }],
    ['olmoe', { clip_qkv: 8 }],
    ['olmoe', { num_key_value_heads: 2 }],
    [
      'olmo3',
      { rope_parameters: { full_attention: { rope_theta: 1e6 }, sliding_attention: { rope_theta: 1e4 } } },
    ],
    ['gemma2', { tie_word_embeddings: false }],
    ['gemma2', { sliding_window: null }],
    ['gemma3', { attn_logit_softcapping: 50 }],
    [
      'gemma3',
      {
        rope_parameters: {
          full_attention: { rope_theta: 1e6 },
          sliding_attention: { rope_type: 'linear', rope_theta: 1e4, factor: 2 },
        },
      },
    ],
    ['smollm3', { no_rope_layers: [1, 1, 0, 1, 1] }],
    ['phi2', { qk_layernorm: true }],
    ['gpt2', { scale_attn_by_inverse_layer_idx: true }],
  ];

  test('are said', async () => {
    const texts: string[] = [];
    for (const [name, change] of refused) texts.push(await withConfig(change, name));
    expect(texts).toMatchInlineSnapshot(`
      [
        "architecture/unsupported: LlamaForCausalLM with hidden_act = "gelu" has no GGUF form: llama.cpp's graph 'llama' wants silu or swish, and would load the file and answer wrongly. Use the checkpoint as it is, or one without this setting.",
        "architecture/unsupported: LlamaForCausalLM with rope_type = "mrope" has no GGUF form: llama.cpp's graph 'llama' wants default or linear or dynamic or yarn or llama3 or longrope, and would load the file and answer wrongly. Use the checkpoint as it is, or one without this setting.",
        "architecture/unsupported: LlamaForCausalLM with rope_scaling.beta_fast = 16 has no GGUF form: llama.cpp's graph 'llama' wants 32, and would load the file and answer wrongly. Use the checkpoint as it is, or one without this setting.",
        "architecture/unsupported: LlamaForCausalLM with rope_scaling.truncate = false has no GGUF form: llama.cpp's graph 'llama' wants true, and would load the file and answer wrongly. Use the checkpoint as it is, or one without this setting.",
        "architecture/unsupported: LlamaForCausalLM with partial_rotary_factor = 0.5 has no GGUF form: llama.cpp's graph 'llama' wants whole heads (1), and would load the file and answer wrongly. Use the checkpoint as it is, or one without this setting.",
        "architecture/unsupported: StableLmForCausalLM with partial_rotary_factor = 0.2 has no GGUF form: llama.cpp's graph 'stablelm' wants an even number of the 16 values of a head, and would load the file and answer wrongly. Use the checkpoint as it is, or one without this setting.",
        "architecture/unsupported: Qwen2ForCausalLM with rope_type = "llama3" has no GGUF form: llama.cpp's graph 'qwen2' wants default or linear or dynamic or yarn, and would load the file and answer wrongly. Use the checkpoint as it is, or one without this setting.",
        "architecture/unsupported: Qwen2ForCausalLM with head_dim = 24 has no GGUF form: llama.cpp's graph 'qwen2' wants heads that together are as wide as hidden_size, and would load the file and answer wrongly. Use the checkpoint as it is, or one without this setting.",
        "architecture/unsupported: Qwen3ForCausalLM with attention_bias = true has no GGUF form: llama.cpp's graph 'qwen3' wants false, and would load the file and answer wrongly. Use the checkpoint as it is, or one without this setting.",
        "architecture/unsupported: Qwen2MoeForCausalLM with norm_topk_prob = true has no GGUF form: llama.cpp's graph 'qwen2moe' wants false, and would load the file and answer wrongly. Use the checkpoint as it is, or one without this setting.",
        "architecture/unsupported: Qwen2MoeForCausalLM with mlp_only_layers = [0] has no GGUF form: llama.cpp's graph 'qwen2moe' wants experts in every layer, and would load the file and answer wrongly. Use the checkpoint as it is, or one without this setting.",
        "architecture/unsupported: Qwen3MoeForCausalLM with norm_topk_prob = false has no GGUF form: llama.cpp's graph 'qwen3moe' wants true, and would load the file and answer wrongly. Use the checkpoint as it is, or one without this setting.",
        "architecture/unsupported: Qwen3MoeForCausalLM with decoder_sparse_step = 2 has no GGUF form: llama.cpp's graph 'qwen3moe' wants 1, and would load the file and answer wrongly. Use the checkpoint as it is, or one without this setting.",
        "architecture/unsupported: OlmoeForCausalLM with clip_qkv = 8 has no GGUF form: llama.cpp's graph 'olmoe' wants no such setting, and would load the file and answer wrongly. Use the checkpoint as it is, or one without this setting.",
        "architecture/unsupported: OlmoeForCausalLM with num_key_value_heads = 2 has no GGUF form: llama.cpp's graph 'olmoe' wants as many heads of keys as of queries, and would load the file and answer wrongly. Use the checkpoint as it is, or one without this setting.",
        "architecture/unsupported: Olmo3ForCausalLM with rope_theta = nothing has no GGUF form: llama.cpp's graph 'olmo2' wants one rope_theta for all layers, and would load the file and answer wrongly. Use the checkpoint as it is, or one without this setting.",
        "architecture/unsupported: Gemma2ForCausalLM with tie_word_embeddings = false has no GGUF form: llama.cpp's graph 'gemma2' wants true, and would load the file and answer wrongly. Use the checkpoint as it is, or one without this setting.",
        "architecture/unsupported: Gemma2ForCausalLM with sliding_window = nothing has no GGUF form: llama.cpp's graph 'gemma2' wants a sliding window, and would load the file and answer wrongly. Use the checkpoint as it is, or one without this setting.",
        "architecture/unsupported: Gemma3ForCausalLM with attn_logit_softcapping = 50 has no GGUF form: llama.cpp's graph 'gemma3' wants no such setting, and would load the file and answer wrongly. Use the checkpoint as it is, or one without this setting.",
        "architecture/unsupported: Gemma3ForCausalLM with rope_parameters.sliding_attention.rope_type = "linear" has no GGUF form: llama.cpp's graph 'gemma3' wants default, and would load the file and answer wrongly. Use the checkpoint as it is, or one without this setting.",
        "architecture/unsupported: SmolLM3ForCausalLM with no_rope_layers = [1,1,0,1,1] has no GGUF form: llama.cpp's graph 'smollm3' wants rotary positions in all layers but every fourth, and would load the file and answer wrongly. Use the checkpoint as it is, or one without this setting.",
        "architecture/unsupported: PhiForCausalLM with qk_layernorm = true has no GGUF form: llama.cpp's graph 'phi2' wants false, and would load the file and answer wrongly. Use the checkpoint as it is, or one without this setting.",
        "architecture/unsupported: GPT2LMHeadModel with scale_attn_by_inverse_layer_idx = true has no GGUF form: llama.cpp's graph 'gpt2' wants false, and would load the file and answer wrongly. Use the checkpoint as it is, or one without this setting.",
      ]
    `);
  });
});

test('what llama.cpp does otherwise beyond some length is a note', async () => {
  const noted = async (name: string, change: Record<string, unknown>) => {
    const given = readCase(name);
    const heard: string[] = [];
    const { notes } = await convertCheckpoint(
      await folderOf({ ...given.config, ...change }, tensorsOf(given)),
      {
        vocabulary: false,
        onNote: (note) => heard.push(note),
      },
    );
    expect(heard).toEqual(notes);
    return notes;
  };
  expect(await noted('llama', {})).toEqual([]);
  expect(await noted('mistral', { sliding_window: 128 })).toEqual([]);
  expect(await noted('mistral', { sliding_window: 64 })).toMatchInlineSnapshot(`
    [
      "The model attends to the last 64 tokens, llama.cpp's llama to all of them: up to 64 tokens it is the same.",
    ]
  `);
  expect(await noted('qwen2', { sliding_window: 64, use_sliding_window: false })).toEqual([]);
  expect(await noted('qwen2', { sliding_window: 64, use_sliding_window: true })).toHaveLength(1);
  expect(await noted('phi3', { sliding_window: 47 })).toHaveLength(1);
  expect(await noted('llama', { rope_scaling: { type: 'dynamic', factor: 2 } })).toMatchInlineSnapshot(`
    [
      "The rotary base grows with texts beyond 128 tokens, which llama.cpp's llama does not do: up to there the model is the same.",
    ]
  `);
  expect(await noted('llama-rope-longrope-long', {})).toMatchInlineSnapshot(`
    [
      "llama.cpp takes the factors for short or long texts by the size of the context it is opened with (up to 32 tokens: short), transformers by the length of the text.",
    ]
  `);
});

test('a llama2.c file that is none', async () => {
  const model = memorySource(new Uint8Array(28), 'stories.bin');
  await expect(convertLlama2c({ model })).rejects.toThrow('stories.bin');
});
