import { fail } from '../tensor/index.ts';
import type { CheckpointConfig } from './checkpoint-config.ts';

/** A size of a model; shapes of tensors are written in them. */
export type SizeName =
  | 'hidden'
  | 'vocab'
  | 'layers'
  | 'heads'
  /** Heads of keys and values: fewer than those of queries where they are shared. */
  | 'keyHeads'
  | 'headDim'
  /** Values of all heads of queries. */
  | 'query'
  /** Values of all heads of keys. */
  | 'key'
  | 'queryKeyValue'
  | 'feedForward'
  | 'gateAndUp'
  | 'positions'
  | 'experts'
  /** Experts that each token goes to. */
  | 'usedExperts'
  | 'expertFeedForward'
  | 'sharedFeedForward';

/** How each size follows from config.json. Hugging Face has two spellings of some keys: GPT-2's and the others'. */
const rules: { readonly [S in SizeName]: (config: CheckpointConfig, sizes: Sizes) => number } = {
  hidden: (c) => c.count('hidden_size', 'n_embd'),
  vocab: (c) => c.count('vocab_size'),
  layers: (c) => c.count('num_hidden_layers', 'n_layer'),
  heads: (c) => c.count('num_attention_heads', 'n_head'),
  keyHeads: (c, s) => c.optionalCount('num_key_value_heads') ?? s.get('heads'),
  headDim: (c, s) => c.optionalCount('head_dim') ?? s.get('hidden') / s.get('heads'),
  query: (_, s) => s.get('heads') * s.get('headDim'),
  key: (_, s) => s.get('keyHeads') * s.get('headDim'),
  queryKeyValue: (_, s) => s.get('query') + 2 * s.get('key'),
  feedForward: (c, s) => c.optionalCount('intermediate_size', 'n_inner') ?? 4 * s.get('hidden'),
  gateAndUp: (_, s) => 2 * s.get('feedForward'),
  positions: (c) => c.count('max_position_embeddings', 'n_positions'),
  experts: (c) => c.count('num_experts', 'num_local_experts'),
  usedExperts: (c) => c.count('num_experts_per_tok', 'num_experts_per_token'),
  expertFeedForward: (c) => c.count('moe_intermediate_size', 'intermediate_size'),
  sharedFeedForward: (c) => c.count('shared_expert_intermediate_size'),
};

/** llama.cpp has room for no more (LLAMA_MAX_LAYERS). */
const MAX_LAYERS = 512;

/** The sizes of a model, each computed and checked when it is first asked for. */
export class Sizes {
  readonly #config: CheckpointConfig;
  readonly #known = new Map<SizeName, number>();

  constructor(config: CheckpointConfig) {
    this.#config = config;
    this.#check();
  }

  /** @throws checkpoint/config */
  get(name: SizeName): number {
    let size = this.#known.get(name);
    if (size === undefined) this.#known.set(name, (size = rules[name](this.#config, this)));
    return size;
  }

  shape(names: readonly SizeName[]): number[] {
    return names.map((name) => this.get(name));
  }

  /** Sizes that do not fit each other are found before any tensor is looked at. */
  #check(): void {
    const { file } = this.#config;
    const refuse = (key: string, got: number, wanted: string) =>
      fail('checkpoint/config', { file, key, got: String(got), wanted });
    const [hidden, heads, keyHeads, layers] = this.shape(['hidden', 'heads', 'keyHeads', 'layers']) as [
      number,
      number,
      number,
      number,
    ];
    if (layers > MAX_LAYERS)
      refuse('num_hidden_layers', layers, `at most ${MAX_LAYERS} (what llama.cpp has room for)`);
    if (!Number.isInteger(this.get('headDim'))) {
      refuse('num_attention_heads', heads, `a divisor of the hidden size ${hidden} (there is no head_dim)`);
    }
    if (heads % keyHeads !== 0) {
      refuse('num_key_value_heads', keyHeads, `a divisor of the ${heads} heads that share them`);
    }
  }
}
