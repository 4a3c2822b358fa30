/** What the rules of a mixture may look at. */
export interface RuleFacts {
  readonly architecture: string;
  /** Query heads per key head. */
  readonly headsPerKey: number;
  readonly experts: number;
  readonly hasImportance: boolean;
  /** Position among the tensors of the role, and how many of them the model is taken to have. */
  readonly index: number;
  readonly count: number;
  /** How many tensors of the role came before this one; differs from `index` where experts are apart. */
  readonly seen: number;
}

const part = (count: number, of: number) => Math.floor(count / of);

/** The layers at both ends, and every third one between: they lose most. */
const moreBits = ({ index, count }: RuleFacts): boolean =>
  index < part(count, 8) || index >= part(7 * count, 8) || (index - part(count, 8)) % 3 === 2;

const falcon = ({ architecture }: RuleFacts): boolean => architecture === 'falcon';
const firstPart = (of: number) => (f: RuleFacts) => f.index < part(f.count, of);

/** The conditions that rules are written in. */
export const ruleConditions = {
  always: () => true,
  Falcon: falcon,
  'not Falcon': (f) => !falcon(f),
  'first 2': (f) => f.index < 2,
  'first 4': (f) => f.index < 4,
  'first eighth': firstPart(8),
  'first eighth, importance matrix': (f) => firstPart(8)(f) && f.hasImportance,
  'first eighth, no importance matrix': (f) => firstPart(8)(f) && !f.hasImportance,
  'first eighth, not Falcon': (f) => firstPart(8)(f) && !falcon(f),
  'first eighth of all down tensors': (f) => f.seen < part(f.count, 8),
  'first sixteenth': firstPart(16),
  'first sixteenth, Falcon': (f) => firstPart(16)(f) && falcon(f),
  'middle layers': (f) => !firstPart(8)(f) && f.index < part(7 * f.count, 8),
  'more bits': moreBits,
  'more bits, Falcon': (f) => moreBits(f) && falcon(f),
  'more bits, not Falcon': (f) => moreBits(f) && !falcon(f),
  'no importance matrix': (f) => !f.hasImportance,
  '4 heads per key': (f) => f.headsPerKey >= 4,
  '4 heads per key or 4 experts': (f) => f.headsPerKey >= 4 || f.experts >= 4,
  '8 experts': (f) => f.experts === 8,
  'not 8 experts': (f) => f.experts !== 8,
  '8 experts and more bits': (f) => f.experts === 8 && moreBits(f),
} as const satisfies Record<string, (facts: RuleFacts) => boolean>;

export type RuleCondition = keyof typeof ruleConditions;

/** What a tensor is in a model, as far as mixtures care. First match wins. */
const roles = [
  ['output', /^output\.weight$/],
  ['embedding', /^(token_embd|per_layer_token_embd)\.weight$/],
  ['value', /attn_(qkv|kv_b|v)\.weight/],
  ['key', /attn_k\.weight/],
  ['query', /attn_q\.weight/],
  ['attentionOutput', /attn_output\.weight/],
  ['up', /ffn_up/],
  ['gate', /ffn_gate/],
  ['down', /ffn_down/],
] as const;

export type TensorRole = (typeof roles)[number][0] | 'other';

export const roleOf = (name: string): TensorRole =>
  roles.find(([, pattern]) => pattern.test(name))?.[0] ?? 'other';

/**
 * Tensors that stay as they are: norms, the router of experts, positions, and small or delicate parts of
 * architectures that are no plain transformers. Source: src/llama-quant.cpp of llama.cpp v0.5.0.
 */
const kept: readonly RegExp[] = [
  /_norm\.weight/,
  /ffn_gate_(inp|tid2eid)\.weight/,
  /altup|laurel|per_layer_model_proj/,
  /^(position_embd|token_types)\.weight$/,
  /ssm_conv1d|shortconv\.conv\.weight/,
  /indexer\.[kq]_proj\.weight/,
  /time_mix_(first|w[012]|v[012]|a[012]|g[12]|decay_w[12]|lerp_fused)\.weight/,
  /attn_rel_b\.weight/,
  /\.position_embd|sam\.(pos_embd|neck\.|net_)|\.rel_pos|\.patch_(embd|merger)/,
  /a\.rvq\.codebook|mm\.a\.code_embd/,
];

/** Whether a tensor is quantized at all: matrices and stacks of matrices named weight, but for `kept`. */
export function isQuantizable(name: string, shape: readonly number[]): boolean {
  const axes = shape.slice(shape.findIndex((dim) => dim !== 1));
  return (
    shape.some((dim) => dim !== 1) &&
    axes.length >= 2 &&
    name.endsWith('weight') &&
    !kept.some((pattern) => pattern.test(name))
  );
}
