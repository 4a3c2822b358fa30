import type { Model } from '../graph/index.ts';
import { onnxPart, type ParsedRecipe } from './recipe.ts';
import { lowbitVersion } from './version.ts';

/** Metadata keys of the card inside a quantized file. */
export const cardKeys = {
  recipe: 'lowbit.recipe',
  version: 'lowbit.version',
  preset: 'lowbit.preset',
} as const;

/** Writes into the model what made it: enough to make it again. Says nothing of time or place, so bytes repeat. */
export function writeCard(model: Model, preset: string, recipe: ParsedRecipe): void {
  // A recipe of this output alone: its bytes do not depend on what else the run made.
  const { presets: _, ...own } = recipe;
  model.producerName = 'lowbit';
  model.producerVersion = lowbitVersion;
  model.metadata.set(cardKeys.version, lowbitVersion);
  model.metadata.set(cardKeys.preset, preset);
  model.metadata.set(cardKeys.recipe, JSON.stringify({ ...onnxPart(own), to: preset }));
}
