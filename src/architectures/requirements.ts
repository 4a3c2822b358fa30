import type { ModelFacts, Requirement } from './family.ts';

/** One of some values. */
export const oneOf = (key: string, ...values: readonly unknown[]): Requirement => ({
  key,
  holds: (value) => values.includes(value),
  wanted: values.filter((value) => value !== undefined).join(' or ') || 'no such setting',
});

export const silu = oneOf('hidden_act', 'silu', 'swish');

/** ggml's gelu is the approximation by tanh. */
export const geluTanh = (key: string): Requirement =>
  oneOf(key, 'gelu_pytorch_tanh', 'gelu_new', 'gelu_fast');

/** Graphs whose attention is as wide as the model. */
export const headsFillHidden: Requirement = {
  key: 'head_dim',
  holds: (_, { sizes }) => sizes.get('query') === sizes.get('hidden'),
  wanted: 'heads that together are as wide as hidden_size',
};

/** Every layer has experts. */
export const expertsInAllLayers: readonly Requirement[] = [
  oneOf('decoder_sparse_step', 1, undefined),
  {
    key: 'mlp_only_layers',
    holds: (value) => value === undefined || (Array.isArray(value) && value.length === 0),
    wanted: 'experts in every layer',
  },
];

/** A window that the graph does not have: what differs, and from where. */
export function windowNote({ config, sizes, family }: ModelFacts): readonly string[] {
  const window = config.optionalCount('sliding_window');
  if (window === undefined || window >= sizes.get('positions')) return [];
  return [
    `The model attends to the last ${window} tokens, llama.cpp's ${family.architecture} to all of them: up to ${window} tokens it is the same.`,
  ];
}

/** The same for families that have a window only where `use_sliding_window` says so. */
export const optionalWindowNote = (facts: ModelFacts): readonly string[] =>
  facts.config.flag('use_sliding_window') ? windowNote(facts) : [];
