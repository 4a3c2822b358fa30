import type { ObserverName } from '../calibration/index.ts';
import {
  type LoweringResult,
  lowerBfloat16,
  lowerDynamic,
  lowerFloat16,
  lowerFloat8,
  lowerWeightOnly,
  type Model,
  type NodeFilter,
  type WeightQuantizer,
} from '../graph/index.ts';
import type { Preset, PresetKind } from '../numerics/index.ts';
import type { Capabilities } from '../runtime/index.ts';
import type { Calibrator } from './calibrate-model.ts';
import { lowerStatic } from './lower-static.ts';
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
  readonly calibrator: Calibrator | undefined;
  readonly observer: ObserverName;
}

export interface Lowered extends LoweringResult {
  /** Float value -> value of the lowered model that stands for it; absent: names are unchanged. */
  readonly valueMap?: ReadonlyMap<string, string>;
}

type Lower = (request: LowerRequest) => Promise<Lowered>;

/** 7-bit weights where u8 x s8 products saturate 16 bits; by this CPU unless the recipe says. */
export function reducedRange({ recipe, capabilities }: LowerRequest): boolean {
  return recipe.reduceRange ?? capabilities.vnni === false;
}

const dynamic: Lower = (request) => {
  const { preset, recipe, model, filter, quantizer } = request;
  const { format, granularity, symmetric } = preset.weights;
  return lowerDynamic(model, {
    quantizer,
    filter,
    format: format as 'int8' | 'uint8',
    granularity: recipe.weights === 'per-tensor' ? 'per-tensor' : (granularity as 'per-tensor' | 'per-channel'),
    symmetric,
    restricted: recipe.restricted,
    reduced: reducedRange(request),
    powerOfTwo: recipe.powerOfTwo,
  });
};

const weightOnly: Lower = async (request) => {
  const { preset, recipe, model, filter, quantizer } = request;
  const weights = {
    ...preset.weights,
    ...(recipe.blockSize !== undefined && { blockSize: recipe.blockSize }),
    ...(recipe.symmetric !== undefined && { symmetric: recipe.symmetric }),
  };
  const lowered = await lowerWeightOnly(model, {
    quantizer,
    filter,
    weights,
    ...(preset.carrier && { carrier: preset.carrier }),
    ...(recipe.accuracyLevel !== undefined && { accuracyLevel: recipe.accuracyLevel }),
  });
  return preset.rest === 'float16' ? joined(lowered, await float16(request)) : lowered;
};

const float16: Lower = async ({ model, filter, calibrator }) =>
  lowerFloat16(model, { filter, ...(calibrator && { largest: largestSeen(calibrator) }) });

const floats: Readonly<Record<'float16' | 'bfloat16', Lower>> = {
  float16,
  bfloat16: ({ model, filter }) => lowerBfloat16(model, { filter }),
};

const lowerings: Readonly<Record<PresetKind, Lower>> = {
  static: lowerStatic,
  dynamic,
  'weight-only': weightOnly,
  float: (request) => floats[request.preset.rest ?? 'float16'](request),
  fp8: (request) =>
    lowerFloat8(request.model, {
      filter: request.filter,
      quantizer: request.quantizer,
      format: request.preset.weights.format as 'e4m3fn' | 'e5m2',
    }),
};

/** Rewrites the model as its preset says. */
export const lower: Lower = (request) => lowerings[request.preset.kind](request);

/** Largest magnitude of each value on the calibration data. */
const largestSeen = (calibrator: Calibrator) => async (values: readonly string[]) => {
  const observed = await calibrator.observe('min-max', values);
  const target = { levels: 256, symmetric: true };
  return new Map(values.map((value) => [value, observed.get(value)!.range(target).max]));
};

function joined(a: Lowered, b: Lowered): Lowered {
  return {
    quantized: [...a.quantized, ...b.quantized],
    kept: [...a.kept, ...b.kept],
    notes: [...a.notes, ...b.notes],
  };
}
