import {
  clipMaxima,
  empiricalBiasShifts,
  inputChannels,
  measureChannels,
  outputChannels,
  type Range,
} from '../calibration/index.ts';
import {
  absorbHighBias,
  applyStatic,
  correctBias,
  equalize,
  layerPairs,
  linearLayers,
  type Model,
  planKey,
  planStatic,
  raiseOpset,
  type StaticOptions,
  type StaticPlan,
  shiftBias,
  staticOpset,
  weightScheme,
} from '../graph/index.ts';
import { dequantizeTensor } from '../numerics/index.ts';
import { calibrator, type RangeWish } from './calibrate-model.ts';
import { type Lower, type LowerRequest, weightsOf } from './lower-request.ts';

/** Static integers: equalize, plan, calibrate, correct biases, rewrite. */
export const lowerStatic: Lower = async (original) => {
  const { request, notes } = await preprocess(original);
  const { model, recipe, filter, quantizer } = request;
  const options = staticOptions(request);
  await raiseOpset(model, Math.max(model.opset, staticOpset(options)));
  const plan = await planStatic(model, options, filter);
  const ranges = await rangesOf(request, plan.ranges);
  const correction = biasCorrection(request);
  if (correction !== 'off') request.context.emit({ type: 'step', step: 'correct' });
  await corrections[correction](request, plan, ranges);
  const result = await applyStatic(model, plan, ranges, { quantizeWeight: quantizer, form: recipe.form });
  return { ...result, notes: [...notes, ...result.notes] };
};

function staticOptions(request: LowerRequest): StaticOptions {
  const { preset, recipe } = request;
  const activations = {
    ...preset.activations!,
    ...(recipe.symmetricActivations && { symmetric: true }),
    ...(recipe.restricted && { restricted: true }),
    ...(recipe.powerOfTwo && { powerOfTwo: true }),
  };
  return { activations, weights: weightsOf(request), depthwise: recipe.depthwise };
}

/**
 * Equalization and high-bias absorption rewrite the float model, so what calibration saw of it before no
 * longer holds: the request that comes back has a calibrator of its own.
 */
async function preprocess(
  request: LowerRequest,
): Promise<{ request: LowerRequest; notes: readonly string[] }> {
  const { context, model, recipe, calibration } = request;
  // One scale for a whole tensor needs channels of like size; per channel each has its own.
  const equalizing = recipe.equalize ?? recipe.weights === 'per-tensor';
  if (calibration === undefined || (!equalizing && !recipe.absorbBias)) return { request, notes: [] };
  const { dataset } = calibration;
  const { samples } = calibration.calibrator;
  const { runtime, signal } = context;
  const common = { model, dataset, samples, runtime, ...(signal && { signal }) };
  const notes: string[] = [];
  if (equalizing) {
    const maxima = await clipMaxima(common);
    notes.push(...(await equalize(model, { maxima })).notes);
  }
  if (recipe.absorbBias) {
    const values = (await layerPairs(model.graph)).map(({ first }) => outputChannels(first));
    notes.push(
      ...(await absorbHighBias(model, { moments: await measureChannels({ ...common, values }) })).notes,
    );
  }
  const own = calibrator(context, model.clone(), dataset, samples);
  return { request: { ...request, calibration: { dataset, calibrator: own } }, notes };
}

/** Ranges by calibration; a plan is made with made-up ones. */
async function rangesOf(
  { calibration, observer, model }: LowerRequest,
  wishes: readonly RangeWish[],
): Promise<ReadonlyMap<string, Range>> {
  if (calibration !== undefined) return calibration.calibrator.ranges(observer, wishes);
  return new Map(wishes.map(({ value }) => [value, madeUpRange(model.graph.producer(value)?.op)]));
}

/** What is cut at zero is likely to lie above it: a clip that its range implies is left out of the file. */
const madeUpRange = (op: string | undefined): Range => ({
  min: op === 'Relu' || op === 'Clip' ? 0 : -1,
  max: 1,
});

type BiasCorrection = 'off' | 'analytic' | 'empirical';
type Correct = (request: LowerRequest, plan: StaticPlan, ranges: ReadonlyMap<string, Range>) => Promise<void>;

function biasCorrection({ recipe, calibration }: LowerRequest): BiasCorrection {
  if (calibration === undefined) return 'off';
  return recipe.correctBias ?? (recipe.weights === 'per-tensor' ? 'empirical' : 'off');
}

/** Each changes the biases of the float model before it is rewritten. */
const corrections: Readonly<Record<BiasCorrection, Correct>> = {
  off: async () => {},

  async analytic({ context, model, quantizer, calibration }, plan) {
    const { dataset, calibrator: own } = calibration!;
    const layers = linearLayers(model.graph);
    const inputs = await measureChannels({
      model,
      values: layers.map(inputChannels),
      dataset,
      runtime: context.runtime,
      samples: own.samples,
      ...(context.signal && { signal: context.signal }),
    });
    await correctBias(model, {
      means: new Map([...inputs].map(([value, { mean }]) => [value, mean])),
      quantized: async (name, node) => {
        const planned = plan.nodes.get(planKey(node));
        const weight = model.graph.constant(name);
        if (planned === undefined || weight === undefined) return undefined;
        const axis = planned.row.weightAxis?.(node, weight.dims.length);
        const scheme = weightScheme(plan.options, axis);
        return dequantizeTensor(await quantizer({ name, node, weight, scheme }));
      },
    });
  },

  async empirical({ context, model, quantizer, calibration }, plan, ranges) {
    const quantized: Model = model.clone();
    await applyStatic(quantized, plan, ranges, { quantizeWeight: quantizer, form: 'qdq' });
    const shifts = await empiricalBiasShifts({
      model,
      quantized,
      dataset: calibration!.dataset,
      runtime: context.runtime,
      ...(context.signal && { signal: context.signal }),
      onProgress: context.progress('correct biases', 'runs'),
    });
    for (const layer of linearLayers(model.graph)) {
      const shift = shifts.get(layer.node.name);
      if (shift !== undefined) await shiftBias(model.graph, layer, shift);
    }
  },
};
