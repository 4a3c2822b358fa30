import type { Method } from './method.ts';
import { rtn } from './rtn.ts';

/** Every method that chooses codes, by name. To add one: a file named after it, a row here. */
export const methods = {
  rtn: {
    description: 'Round to nearest, with the range of each block searched. Needs no data.',
    paper: 'Jacob et al. 2018, arXiv 1712.05877',
    needs: 'none',
    run: rtn,
  },
} as const satisfies Record<string, Method>;

/** A row of `methods`. */
export type MethodName = keyof typeof methods;
