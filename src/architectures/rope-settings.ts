import { CheckpointConfig, isObject } from './checkpoint-config.ts';

/** Ways to stretch rotary positions beyond the trained context, as transformers names them. */
export type RopeKind = 'default' | 'linear' | 'dynamic' | 'yarn' | 'llama3' | 'longrope';

/** What a graph of llama.cpp does with rotary positions, and the family's defaults. */
export interface RopeAbilities {
  /**
   * 'interleaved': it turns neighbours (0, 1), (2, 3), ..., and transformers halves (0, d/2), (1, d/2 + 1), ...: the
   * rows of queries and keys change places. 'halves': it does as transformers.
   */
  readonly layout: 'interleaved' | 'halves';
  readonly kinds: readonly RopeKind[];
  /** Base of the frequencies where config.json has none. */
  readonly theta: number;
  /** The same for layers with a sliding window. Absent: one base for all layers. */
  readonly slidingTheta?: number;
  /** Share of a head that is turned, where config.json has none. Absent: the graph turns whole heads only. */
  readonly partial?: number;
  /** The graph reads the bounds of YaRN's ramp; others take 32 and 1. */
  readonly ramp?: true;
  /** Other names of kinds in this family's checkpoints. */
  readonly aliases?: Readonly<Record<string, RopeKind>>;
}

/** The rotary positions of one kind of layer. */
export interface LayerRope {
  readonly theta: number;
  /** As in config.json, aliases resolved; maybe none that is known. */
  readonly kind: string;
  /** Share of a head that is turned. */
  readonly partial: number;
  /** Whatever the kind needs: factor, original_max_position_embeddings, ... */
  readonly parameters: CheckpointConfig;
}

export interface RopeSettings {
  readonly full: LayerRope;
  /** Of layers with a sliding window, where they differ. */
  readonly sliding?: LayerRope;
}

/**
 * Rotary positions out of config.json: `rope_parameters` as transformers 5 writes them, flat or by kind of layer, or
 * the older `rope_theta`, `rope_scaling` and `rope_local_base_freq`.
 * @throws checkpoint/config
 */
export function readRope(config: CheckpointConfig, abilities: RopeAbilities): RopeSettings {
  const given = config.optionalObject('rope_parameters') ?? {};
  const byLayer = isObject(given.full_attention) || isObject(given.sliding_attention);
  const scaling = config.optionalObject('rope_scaling');
  const [flat, name] = scaling === undefined ? [given, 'rope_parameters'] : [scaling, 'rope_scaling'];
  const read = (values: object, where: string, theta: number): LayerRope => {
    const outer = ['original_max_position_embeddings'].map((key) => [key, config.get(key)] as const);
    const parameters = new CheckpointConfig(
      `${config.file}, ${where}`,
      {
        ...(values as Record<string, unknown>),
        ...Object.fromEntries(outer.filter(([, v]) => v !== undefined)),
      },
      { original_max_position_embeddings: config.get('max_position_embeddings') },
    );
    const kind = parameters.optionalText('rope_type', 'type') ?? 'default';
    return {
      theta: parameters.optionalPositive('rope_theta') ?? theta,
      kind: abilities.aliases?.[kind] ?? kind,
      partial:
        parameters.optionalNumber('partial_rotary_factor') ??
        config.optionalNumber('partial_rotary_factor', 'rope_pct') ??
        abilities.partial ??
        1,
      parameters,
    };
  };
  const theta = config.optionalPositive('rope_theta', 'rotary_emb_base') ?? abilities.theta;
  const full = byLayer
    ? read((given.full_attention as object | null) ?? {}, 'rope_parameters.full_attention', theta)
    : read(flat, name, theta);
  if (abilities.slidingTheta === undefined) return { full };
  const local = config.optionalPositive('rope_local_base_freq') ?? abilities.slidingTheta;
  const own = byLayer ? ((given.sliding_attention as object | null) ?? {}) : {};
  return { full, sliding: read(own, 'rope_parameters.sliding_attention', local) };
}
