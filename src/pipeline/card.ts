import type { Model, QuantizedWeightRecord } from '../graph/index.ts';
import { cardText, quantizedSummary, readCard, WEIGHTS_KEY } from '../report/index.ts';
import { onnxPart, type ParsedRecipe } from './recipe.ts';
import { lowbitVersion } from './version.ts';

/** Metadata keys of the card inside a quantized file. */
export const cardKeys = {
  recipe: 'lowbit.recipe',
  version: 'lowbit.version',
  preset: 'lowbit.preset',
} as const;

/**
 * Writes into the model what made it: enough to make it again, and what its weights are stored as. Says nothing of
 * time or place, so bytes repeat.
 * `parameters`: weights of the float model.
 */
export function writeCard(
  model: Model,
  preset: string,
  recipe: ParsedRecipe,
  weights: { readonly parameters: number; readonly quantized: readonly QuantizedWeightRecord[] },
): void {
  // A recipe of this output alone: its bytes do not depend on what else the run made.
  const { presets: _, ...own } = recipe;
  model.producerName = 'lowbit';
  model.producerVersion = lowbitVersion;
  model.metadata.set(cardKeys.version, lowbitVersion);
  model.metadata.set(cardKeys.preset, preset);
  model.metadata.set(cardKeys.recipe, JSON.stringify({ ...onnxPart(own), to: preset }));
  const stored = weights.quantized.map((weight) => ({
    scheme: weight.scheme ?? usualText(weight),
    values: weight.values,
    sizeBytes:
      weight.codeBytes +
      weight.scaleBytes +
      weight.zeroPointBytes +
      (weight.bookBytes ?? 0) +
      (weight.extraBytes ?? 0),
  }));
  // A model that was quantized in part before keeps what its card says of that part.
  const before = readCard(model.metadata);
  model.metadata.set(WEIGHTS_KEY, cardText(quantizedSummary(weights.parameters, stored, before)));
}

/** 'int8/channel', 'int4/32', 'float16': as a scheme is written, but for options. */
function usualText({ format, granularity, scaleBytes }: QuantizedWeightRecord): string {
  const [, kind, inside = ''] = /^per-(\w+)(?:\((.*)\))?$/.exec(granularity) ?? [];
  if (kind === undefined || scaleBytes === 0) return format;
  const size = { group: inside.split(', ').at(-1), block: inside.replaceAll(' ', '') }[kind];
  return `${format}/${size ?? kind}`;
}
