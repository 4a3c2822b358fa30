import type { ObserverName } from '../calibration/index.ts';
import type { Dataset } from '../data/index.ts';
import type { LoweringResult, Model, NodeFilter, WeightQuantizer } from '../graph/index.ts';
import type { Preset, SchemeTemplate } from '../numerics/index.ts';
import type { Capabilities, LoadOptions } from '../runtime/index.ts';
import type { Calibrator } from './calibrate-model.ts';
import type { FullRecipe } from './recipe.ts';
import type { RunContext } from './run-context.ts';

/** Everything one lowering may need; it changes `model` in place. */
export interface LowerRequest {
  readonly context: RunContext;
  readonly preset: Preset;
  readonly recipe: FullRecipe;
  readonly model: Model;
  readonly filter: NodeFilter;
  readonly quantizer: WeightQuantizer;
  readonly capabilities: Capabilities;
  /** Present when calibration data is. */
  readonly calibration: { readonly dataset: Dataset; readonly calibrator: Calibrator } | undefined;
  readonly observer: ObserverName;
}

export interface Lowered extends LoweringResult {
  /** Float value -> value of the lowered model that stands for it; absent: names are unchanged. */
  readonly valueMap?: ReadonlyMap<string, string>;
  /** Options without which ONNX Runtime does not load the result. */
  readonly load?: LoadOptions;
}

export type Lower = (request: LowerRequest) => Promise<Lowered>;

/** The preset's weights with what the recipe says about ranges. */
export function weightsOf({ preset, recipe, capabilities }: LowerRequest): SchemeTemplate {
  return {
    ...preset.weights,
    ...(recipe.restricted && { restricted: true }),
    ...(recipe.powerOfTwo && { powerOfTwo: true }),
    // u8 x s8 products saturate 16 bits where the CPU has no VNNI.
    ...((recipe.reduceRange ?? capabilities.vnni === false) && { reduced: true }),
    ...(recipe.weights === 'per-tensor' && { granularity: 'per-tensor' }),
  };
}
