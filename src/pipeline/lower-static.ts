import type { Range } from '../calibration/index.ts';
import { applyStatic, planStatic, type StaticOptions } from '../graph/index.ts';
import type { RangeWish } from './calibrate-model.ts';
import { type Lower, type LowerRequest, weightsOf } from './lower-request.ts';

/** Static integers: plan, equalize, calibrate, correct biases, then rewrite. */
export const lowerStatic: Lower = async (request) => {
  const { model, recipe, filter, quantizer } = request;
  const plan = await planStatic(model, staticOptions(request), filter);
  const ranges = await rangesOf(request, plan.ranges);
  return applyStatic(model, plan, ranges, { quantizeWeight: quantizer, form: recipe.form });
};

function staticOptions(request: LowerRequest): StaticOptions {
  const { preset, recipe } = request;
  const activations = {
    ...preset.activations!,
    ...(recipe.symmetricActivations && { symmetric: true }),
    ...(recipe.restricted && { restricted: true }),
    ...(recipe.powerOfTwo && { powerOfTwo: true }),
  };
  return { activations, weights: weightsOf(request) };
}

/** Ranges by calibration; a dry run without data plans with made-up ones, as sizes do not depend on them. */
async function rangesOf(
  request: LowerRequest,
  wishes: readonly RangeWish[],
): Promise<ReadonlyMap<string, Range>> {
  const { calibration, observer } = request;
  if (calibration === undefined) return new Map(wishes.map(({ value }) => [value, { min: -1, max: 1 }]));
  return calibration.calibrator.ranges(observer, wishes);
}
