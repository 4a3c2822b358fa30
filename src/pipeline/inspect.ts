import { type ModelSummary, summarizeModel } from '../report/index.ts';
import { openModel } from './open-model.ts';
import type { ModelInput } from './recipe.ts';

/** What a model file holds, read off its headers: no weight is loaded and nothing is run. */
export async function inspect(input: ModelInput): Promise<ModelSummary> {
  const opened = await openModel(input);
  try {
    return summarizeModel(opened.model, opened.file);
  } finally {
    await opened.close();
  }
}
