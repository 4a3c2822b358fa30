import type { Model } from '../model.ts';

/** Raises ai.onnx to `version` where the model speaks an older one. */
export async function requireOpset(model: Model, version: number): Promise<void> {
  if (model.opset < version) throw new Error(`opset ${model.opset} < ${version}`);
}
