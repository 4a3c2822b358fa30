import { quantizationError, quantizeTensor } from '../numerics/index.ts';
import { throwIfAborted } from '../tensor/index.ts';
import type { Compute, MethodRequest, MethodResult } from './method.ts';

/**
 * RTN: round to nearest. Every value takes the code nearest to it, alone; the only choice is the range of each
 * block, made by `range` (the format's own default otherwise).
 *
 *   q = clamp(round(w / s) + z),  s and z by block
 *
 * Source: Jacob et al. 2018 (arXiv 1712.05877) for the grid; the search for s and z is a weighted least-squares fit.
 * Needs: nothing; with `importance` the fit, not the rounding, is weighted.
 * Cost: one pass over the weight, some tens of them up to 4 bits.
 */
export async function rtn(request: MethodRequest, compute?: Compute): Promise<MethodResult> {
  throwIfAborted(compute?.signal);
  const { weight, dims, scheme, importance, range, name } = request;
  const quantized = await quantizeTensor(weight, dims, scheme, { importance, range, name });
  return { quantized, diagnostics: quantizationError(weight, quantized) };
}
