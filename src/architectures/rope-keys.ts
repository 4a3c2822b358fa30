import { type MetadataValue, memoryTensor, type TensorSource } from '../files/index.ts';
import { fail } from '../tensor/index.ts';
import { bytesOf } from './computed-tensors.ts';
import type { ModelFacts } from './family.ts';
import { float32, text, uint32 } from './metadata-values.ts';
import type { LayerRope, RopeKind } from './rope-settings.ts';

/** What rotary positions become in GGUF. */
export interface RopeKeys {
  /** `<architecture>.` left out. */
  readonly keys: readonly (readonly [string, MetadataValue])[];
  readonly tensors: readonly TensorSource[];
  readonly notes: readonly string[];
}

interface Scaling {
  readonly keys?: readonly (readonly [string, MetadataValue])[];
  readonly tensors?: readonly TensorSource[];
  readonly notes?: readonly string[];
}

/** Values of a head that are turned. */
const turned = (facts: ModelFacts, rope: LayerRope) => Math.trunc(facts.sizes.get('headDim') * rope.partial);

/** One divisor per frequency. */
const factors = (name: string, values: readonly number[]): TensorSource => ({
  ...memoryTensor(name, [values.length], 'float32', bytesOf(Float32Array.from(values))),
  keep: 'float32',
});

/** Growth of attention with the context, of YaRN (https://arxiv.org/abs/2309.00071, eq. 22). */
const growth = (factor: number, weight = 1) => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1);

/**
 * How each kind of scaling is written. Source: modeling_rope_utils.py of transformers 5.23 for what they compute,
 * llama-context.cpp and ggml's rope of llama.cpp v0.5.0 for what their keys do.
 */
const scalings: { readonly [K in RopeKind]: (facts: ModelFacts, rope: LayerRope) => Scaling } = {
  default: () => ({}),

  linear: (_, { parameters }) => ({
    keys: [
      ['rope.scaling.type', text('linear')],
      ['rope.scaling.factor', float32(parameters.positive('factor'))],
    ],
  }),

  dynamic: ({ sizes, family }) => ({
    notes: [
      `The rotary base grows with texts beyond ${sizes.get('positions')} tokens, which llama.cpp's ${family.architecture} does not do: up to there the model is the same.`,
    ],
  }),

  yarn(facts, { parameters }) {
    const original = parameters.count('original_max_position_embeddings');
    const factor = parameters.optionalPositive('factor') ?? facts.sizes.get('positions') / original;
    const ramp = [
      ['beta_fast', 32],
      ['beta_slow', 1],
    ].map(
      ([key, usual]) =>
        [key, usual, parameters.optionalNumber(key as string) ?? usual] as [string, number, number],
    );
    for (const [key, usual, got] of ramp) {
      if (got !== usual && !facts.family.rope?.ramp) refuse(facts, `rope_scaling.${key}`, got, `${usual}`);
    }
    if (parameters.get('truncate') === false) refuse(facts, 'rope_scaling.truncate', false, 'true');
    const [scale, scaleAll] = [
      parameters.optionalNumber('mscale'),
      parameters.optionalNumber('mscale_all_dim'),
    ];
    const attention =
      parameters.optionalPositive('attention_factor') ??
      (scale && scaleAll ? growth(factor, scale) / growth(factor, scaleAll) : growth(factor));
    // llama.cpp applies the growth by itself; the key is what comes on top.
    const onTop = attention / growth(factor);
    return {
      keys: [
        ['rope.scaling.type', text('yarn')],
        ['rope.scaling.factor', float32(factor)],
        ['rope.scaling.original_context_length', uint32(original)],
        ...ramp.flatMap(([key, usual, got]) =>
          got === usual ? [] : [[`rope.scaling.yarn_${key}`, float32(got)] as const],
        ),
        ...(Math.abs(onTop - 1) > 1e-6 ? [['rope.scaling.attn_factor', float32(onTop)] as const] : []),
      ],
    };
  },

  llama3(facts, rope) {
    const { parameters, theta } = rope;
    const count = turned(facts, rope);
    const [factor, low, high] = [
      parameters.positive('factor'),
      parameters.positive('low_freq_factor'),
      parameters.positive('high_freq_factor'),
    ];
    const original = parameters.count('original_max_position_embeddings');
    const values = Array.from({ length: count / 2 }, (_, i) => {
      const wavelength = 2 * Math.PI * theta ** ((2 * i) / count);
      if (wavelength < original / high) return 1;
      if (wavelength > original / low) return factor;
      const smooth = (original / wavelength - low) / (high - low);
      return 1 / ((1 - smooth) / factor + smooth);
    });
    return { tensors: [factors('rope_freqs.weight', values)] };
  },

  longrope(facts, rope) {
    const { parameters } = rope;
    const count = turned(facts, rope) / 2;
    const original = parameters.count('original_max_position_embeddings');
    const factor = parameters.optionalPositive('factor') ?? facts.sizes.get('positions') / original;
    const attention =
      parameters.optionalPositive('attention_factor') ??
      (factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original)));
    return {
      keys: [
        ['rope.scaling.type', text('longrope')],
        ['rope.scaling.original_context_length', uint32(original)],
        ['rope.scaling.attn_factor', float32(attention)],
      ],
      tensors: [
        factors('rope_factors_long.weight', parameters.numbers('long_factor', count)),
        factors('rope_factors_short.weight', parameters.numbers('short_factor', count)),
      ],
      notes: [
        `llama.cpp takes the factors for short or long texts by the size of the context it is opened with (up to ${original} tokens: short), transformers by the length of the text.`,
      ],
    };
  },
};

function refuse({ architecture, family }: ModelFacts, key: string, got: unknown, wanted: string): never {
  return fail('architecture/unsupported', {
    architecture,
    key,
    got: JSON.stringify(got),
    graph: family.architecture,
    wanted,
  });
}

/**
 * Rotary positions of a model for llama.cpp.
 * @throws architecture/unsupported for what the family's graph cannot do, checkpoint/config
 */
export function ropeKeys(facts: ModelFacts): RopeKeys {
  const { rope, family } = facts;
  const abilities = family.rope;
  if (rope === undefined || abilities === undefined) return { keys: [], tensors: [], notes: [] };
  const { full, sliding } = rope;
  const { kinds } = abilities;
  if (!(kinds as readonly string[]).includes(full.kind)) {
    refuse(facts, 'rope_type', full.kind, kinds.join(' or '));
  }
  const count = turned(facts, full);
  const headDim = facts.sizes.get('headDim');
  if (abilities.partial === undefined && count !== headDim) {
    refuse(facts, 'partial_rotary_factor', full.partial, 'whole heads (1)');
  }
  if (count % 2 !== 0 || count < 2 || count > headDim) {
    refuse(facts, 'partial_rotary_factor', full.partial, `an even number of the ${headDim} values of a head`);
  }
  if (sliding !== undefined && sliding.kind !== 'default') {
    refuse(facts, 'rope_parameters.sliding_attention.rope_type', sliding.kind, 'default');
  }
  const scaling = scalings[full.kind as RopeKind](facts, full);
  return {
    keys: [
      ['rope.dimension_count', uint32(count)],
      ['rope.freq_base', float32(full.theta)],
      ...(sliding !== undefined ? [['rope.freq_base_swa', float32(sliding.theta)] as const] : []),
      ...(scaling.keys ?? []),
    ],
    tensors: scaling.tensors ?? [],
    notes: scaling.notes ?? [],
  };
}
