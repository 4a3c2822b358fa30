import type { Model } from '../model.ts';
import { raiseOpset } from '../passes/raise-opset.ts';

/** Raises ai.onnx to `version` where the model speaks an older one. */
export async function requireOpset(model: Model, version: number): Promise<void> {
  if (model.opset < version) await raiseOpset(model, version);
}
