import { lowerBfloat16, lowerDynamic, lowerFloat8, lowerFloat16, lowerWeightOnly } from '../graph/index.ts';
import type { PresetKind } from '../numerics/index.ts';
import type { Calibrator } from './calibrate-model.ts';
import type { Lower, Lowered, LowerRequest } from './lower-request.ts';
import { weightsOf } from './lower-request.ts';
import { lowerStatic } from './lower-static.ts';

const dynamic: Lower = async (request) => {
  const { model, filter, quantizer } = request;
  return lowerDynamic(model, { quantizer, filter, weights: weightsOf(request) });
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

const float16: Lower = async ({ model, filter, calibration }) =>
  lowerFloat16(model, { filter, ...(calibration && { largest: largestSeen(calibration.calibrator) }) });

const bfloat16: Lower = ({ model, filter }) => lowerBfloat16(model, { filter });

const lowerings: Readonly<Record<PresetKind, Lower>> = {
  static: lowerStatic,
  dynamic,
  'weight-only': weightOnly,
  float: (request) => (request.preset.rest === 'bfloat16' ? bfloat16 : float16)(request),
  fp8: (request) =>
    lowerFloat8(request.model, {
      filter: request.filter,
      quantizer: request.quantizer,
      weights: weightsOf(request),
    }),
};

/** Rewrites the model as its preset says. */
export const lower = (request: LowerRequest): Promise<Lowered> => lowerings[request.preset.kind](request);

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
