import { closingOnError } from '../files/index.ts';
import { type ModelSummary, summarizeModel, type WeightsSummary } from '../report/index.ts';
import { inspectWeights } from './gguf/inspect-weights.ts';
import { findWeights } from './gguf/weights-place.ts';
import { openModel } from './open-model.ts';
import { inspectPacked } from './packed/inspect-stored.ts';
import type { ModelInput } from './recipe.ts';

/**
 * What a model file holds, read off its headers: no weight is loaded and nothing is run. ONNX has inputs, outputs and
 * operators; weights (GGUF, safetensors, Hugging Face folders, llama2.c) have tensors and metadata (`container` says which).
 */
export async function inspect(input: ModelInput): Promise<ModelSummary | WeightsSummary> {
  const place = await findWeights(input);
  if (place.kind === 'safetensors') {
    const mine = typeof input === 'string' ? [place.source] : [];
    const stored = await closingOnError(mine, () => inspectPacked(place.source));
    if (stored !== undefined) {
      if (typeof input === 'string') await place.source.close?.();
      return { ...(await inspectModel(input)), stored };
    }
  }
  if (place.kind !== 'other') return inspectWeights(place);
  if (typeof input === 'string') await place.source.close?.();
  return inspectModel(input);
}

async function inspectModel(input: ModelInput): Promise<ModelSummary> {
  const opened = await openModel(input);
  try {
    return summarizeModel(opened.model, opened.file);
  } finally {
    await opened.close();
  }
}
