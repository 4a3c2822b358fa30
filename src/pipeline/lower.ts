import {
  inferShapes,
  lowerBfloat16,
  lowerDynamic,
  lowerFloat8,
  lowerFloat16,
  lowerScheme,
  lowerWeightOnly,
} from '../graph/index.ts';
import { formats, type PresetKind, schemeText } from '../numerics/index.ts';
import { schemeQuantizer } from './choose-codes.ts';
import type { Lower, Lowered, LowerRequest } from './lower-request.ts';
import { weightsOf } from './lower-request.ts';
import { lowerStatic } from './lower-static.ts';
import { portsOf } from './open-model.ts';

const dynamic: Lower = async (request) => {
  const { model, filter, quantizer, recipe } = request;
  return lowerDynamic(model, { quantizer, filter, weights: weightsOf(request), conv: recipe.dynamicConv });
};

const weightOnly: Lower = async (request) => {
  const { preset, recipe, model, filter, quantizer } = request;
  const weights = {
    ...preset.weights,
    ...(recipe.restricted && { restricted: true }),
    ...(recipe.powerOfTwo && { powerOfTwo: true }),
    ...(recipe.blockSize !== undefined && { blockSize: recipe.blockSize }),
    ...(recipe.symmetric !== undefined && { symmetric: recipe.symmetric }),
  };
  const lowered = await lowerWeightOnly(model, {
    quantizer,
    filter,
    weights,
    ...(preset.carrier && { carrier: preset.carrier }),
    accuracyLevel: recipe.accuracyLevel ?? accuracyLevel(request),
  });
  // Without any codes this would be the fp16 preset under another name.
  if (preset.rest !== 'float16' || lowered.quantized.length === 0) return lowered;
  return joined(lowered, await float16(request));
};

/**
 * What MatMulNBits computes in: 4 is int8, on every processor several times as fast as float. Only 8-bit codes
 * without VNNI are left in float (0): there products of 8-bit pairs saturate 16 bits.
 */
function accuracyLevel({ preset, capabilities }: LowerRequest): 0 | 4 {
  return formats[preset.weights.format].bits === 8 && capabilities.vnni === false ? 0 : 4;
}

const scheme: Lower = async ({ context, preset, recipe, model, filter }) => {
  const lowered = await lowerScheme(model, {
    filter,
    quantizer: schemeQuantizer(context),
    request: preset.scheme!,
    carrier: recipe.carrier,
    accuracyLevel: recipe.accuracyLevel ?? 0,
  });
  const text = schemeText(preset.scheme!);
  return { ...lowered, quantized: lowered.quantized.map((weight) => ({ ...weight, scheme: text })) };
};

const float16: Lower = async (request) => {
  const { model, filter } = request;
  return lowerFloat16(model, { filter, ...(await rangesIn(request)) });
};

const bfloat16: Lower = ({ model, filter }) => lowerBfloat16(model, { filter });

const float8: Lower = async (request) => {
  const { model, filter, quantizer, recipe } = request;
  const form = recipe.float8;
  const ranges = await rangesIn(request);
  const lowered = await lowerFloat8(model, {
    filter,
    quantizer,
    weights: weightsOf(request),
    form,
    ...ranges,
  });
  // Beyond 'basic' ONNX Runtime takes QuantizeLinear and DequantizeLinear for integers, whatever their type.
  return form === 'qdq' ? { ...lowered, load: { optimization: 'basic' } } : lowered;
};

const lowerings: Readonly<Record<PresetKind, Lower>> = {
  static: lowerStatic,
  dynamic,
  'weight-only': weightOnly,
  float: (request) => (request.preset.rest === 'bfloat16' ? bfloat16 : float16)(request),
  fp8: float8,
  scheme,
};

/** Rewrites the model as its preset says. */
export const lower = (request: LowerRequest): Promise<Lowered> => lowerings[request.preset.kind](request);

/** Largest magnitude of every float value of the main graph on the calibration data, where there is some. */
async function rangesIn({
  calibration,
  model,
}: LowerRequest): Promise<{ readonly ranges?: ReadonlyMap<string, number> }> {
  if (calibration === undefined) return {};
  const types = await inferShapes(model);
  const isFloat = (value: string) => {
    const type = types.get(value);
    return type?.kind === 'tensor' && type.dtype === 'float32';
  };
  const made = [...model.graph.nodes].flatMap((node) => [...node.outputs]);
  const values = [...portsOf(model).map((port) => port.name), ...made].filter(isFloat);
  return { ranges: await calibration.calibrator.magnitudes(values) };
}

function joined(a: Lowered, b: Lowered): Lowered {
  return {
    quantized: [...a.quantized, ...b.quantized],
    kept: [...a.kept, ...b.kept],
    notes: [...a.notes, ...b.notes],
  };
}
