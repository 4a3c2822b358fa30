import { loadWeight, type SchemeQuantizer, type WeightQuantizer } from '../graph/index.ts';
import { methods } from '../methods/index.ts';
import { quantizeComposite, toFloat32 } from '../numerics/index.ts';
import { throwIfAborted } from '../tensor/index.ts';
import type { RunContext } from './run-context.ts';

/** The method as lowerings see it: codes for one weight. */
export function weightQuantizer(context: RunContext): WeightQuantizer {
  const method = methods.rtn;
  const compute = context.signal ? { signal: context.signal } : {};
  const quantizer: WeightQuantizer = async ({ name, weight, scheme }) => {
    const values = toFloat32(await loadWeight(weight));
    const { quantized } = await method.run({ weight: values, dims: weight.dims, scheme, name }, compute);
    return quantized;
  };
  // Round to nearest looks at one group at a time, so a large weight may come in tiles.
  return Object.assign(quantizer, { byRows: true });
}

/** The parts of one weight under any scheme. */
export function schemeQuantizer({ signal }: RunContext): SchemeQuantizer {
  return async ({ name, weight, scheme, range }) => {
    throwIfAborted(signal);
    const values = toFloat32(await loadWeight(weight));
    const options = { name, ...(range && { range }) };
    return quantizeComposite(values, weight.dims, scheme, options);
  };
}
