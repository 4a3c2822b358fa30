import { bindDense } from './bind-dense.ts';
import { bindLists } from './bind-lists.ts';
import type { BindRequest, BoundInput } from './bound-input.ts';

/**
 * Matches stored rows with an input: axes, element type, normalisation.
 * @throws data/shape, data/dtype with got against wanted; data/needs where the axes are ambiguous.
 */
export function bindInput(request: BindRequest): BoundInput {
  const { dims } = request.rows;
  return dims === undefined ? bindLists(request) : bindDense(request, dims);
}
