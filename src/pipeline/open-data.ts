import { type Dataset, openDataset } from '../data/index.ts';
import type { Model } from '../graph/index.ts';
import { portsOf } from './open-model.ts';
import type { DataInput } from './recipe.ts';

/** Binds what the user gave as data to the inputs of a model. */
export async function openData(input: DataInput, model: Model): Promise<Dataset> {
  if (typeof input !== 'string' && 'batches' in input) return input;
  const outputs = portsOf(model, 'outputs');
  const { path, spec } = typeof input === 'string' ? { path: input, spec: undefined } : input;
  return openDataset(path, portsOf(model), { outputs, ...(spec && { spec }) });
}
