import type { TensorSource } from '../../files/index.ts';
import { globToRegExp } from '../selection.ts';
import type { CheckpointTarget } from './checkpoint-targets.ts';

/** What goes into codes, what stays, and what loaders are told. */
export interface ChosenLinears {
  readonly chosen: ReadonlySet<string>;
  /** Matrices that could have been chosen, and why they were not. */
  readonly kept: readonly { readonly name: string; readonly why: string }[];
  /** Modules that loaders leave alone: all matrices that stay. */
  readonly skipped: readonly string[];
}

const floats: readonly string[] = ['float32', 'float16', 'bfloat16'];

/** Linear layers of decoder blocks by the names that transformers gives them. Conv1D of GPT-2 is [in, out]: not here. */
const projection =
  /(^|\.)(layers|h|blocks)\.\d+\.(.+\.)?((q|k|v|o|out|gate|up|down|qkv|gate_up)_proj|fc1|fc2|dense|query_key_value|dense_h_to_4h|dense_4h_to_h|Wqkv|w[123])\.weight$/;

/** Towers of models with more than text stay as they are: their loaders want them so, and they are small. */
const otherParts = /(^|\.)(vision|visual|audio|image|speech|multi_modal_projector|connector)\w*\./;

const expert = /\.experts\.\d+\./;

/** Layers that loaders join into one: all of them are quantized, or none. */
const joined: readonly RegExp[] = [
  /\.(q|k|v)_proj\.weight$/,
  /\.(gate|up)_proj\.weight$/,
  /\.w[13]\.weight$/,
];

/**
 * Chooses by name and shape: projections of decoder layers, neither heads nor embeddings nor routers of experts.
 * `only` names others too; `keep` takes away. Names are of tensors.
 */
export function chooseLinears(
  tensors: ReadonlyMap<string, TensorSource>,
  target: CheckpointTarget,
  { only = [], keep = [] }: { readonly only?: readonly string[]; readonly keep?: readonly string[] },
): ChosenLinears {
  const named = (patterns: readonly string[], name: string) =>
    patterns.some((pattern) => globToRegExp(pattern).test(name));
  const reasons = new Map<string, string>();
  const chosen = new Set<string>();
  for (const { name, shape, type } of tensors.values()) {
    if (shape.length !== 2 || shape.includes(0) || !floats.includes(type) || !name.endsWith('.weight'))
      continue;
    const why = reasonToKeep(name);
    if (why !== undefined) reasons.set(name, why);
    else if (named(keep, name)) reasons.set(name, 'keep');
    else if (target.refuses?.(shape)) reasons.set(name, target.refuses(shape)!);
    else chosen.add(name);
  }
  for (const name of [...chosen]) {
    const pattern = joined.find((one) => one.test(name));
    if (pattern === undefined) continue;
    const stem = name.replace(pattern, '');
    const other = [...reasons.keys()].find(
      (kept) => pattern.test(kept) && kept.replace(pattern, '') === stem,
    );
    if (other === undefined) continue;
    chosen.delete(name);
    reasons.set(name, `loaders join it with ${other}, which stays`);
  }
  const kept = [...reasons].map(([name, why]) => ({ name, why }));
  return { chosen, kept, skipped: skippedModules(kept, chosen) };

  function reasonToKeep(name: string): string | undefined {
    if (!target.experts && expert.test(name)) return 'loaders keep experts in floats';
    if (only.length > 0) return named(only, name) ? undefined : 'only';
    if (otherParts.test(name)) return 'no part of the decoder';
    return projection.test(name) ? undefined : 'no projection of a decoder layer';
  }
}

/** The whole names, as all loaders compare them. The head is always there: where it is the embedding it has no tensor. */
function skippedModules(kept: ChosenLinears['kept'], chosen: ReadonlySet<string>): string[] {
  const head = chosen.has('lm_head.weight') ? [] : ['lm_head'];
  return [...new Set([...head, ...kept.map(({ name }) => name.replace(/\.weight$/, ''))])];
}
