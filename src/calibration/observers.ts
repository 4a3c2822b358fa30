import { entropy } from './entropy.ts';
import { minMax } from './min-max.ts';
import { movingAverage } from './moving-average.ts';
import { mse } from './mse.ts';
import type { Observer, ObserverOptions } from './observer.ts';
import { octav } from './octav.ts';
import { percentile } from './percentile.ts';

/** One way to choose the range of an activation. */
export interface ObserverRow {
  create(options?: ObserverOptions): Observer;
  readonly needs: Observer['needs'];
  readonly description: string;
  readonly paper: string;
}

/** Every observer. To add one: a file, a row here, and the conformance test finds it. */
export const observers = {
  'min-max': {
    create: minMax,
    needs: 'extremes',
    description: 'everything that was seen; nothing is clipped',
    paper: 'Krishnamoorthi 2018, arXiv:1806.08342',
  },
  'moving-average': {
    create: movingAverage,
    needs: 'extremes',
    description: "running average of each batch's extremes",
    paper: 'Jacob et al. 2018, arXiv:1712.05877',
  },
  percentile: {
    create: percentile,
    needs: 'values',
    description: 'leaves out one value in ten thousand at each end',
    paper: 'Wu et al. 2020, arXiv:2004.09602',
  },
  entropy: {
    create: entropy,
    needs: 'values',
    description: 'least Kullback-Leibler divergence between values and codes',
    paper: 'Migacz, 8-bit inference with TensorRT, GTC 2017',
  },
  mse: {
    create: mse,
    needs: 'values',
    description: 'least mean squared error, by search over clip points',
    paper: 'Banner et al. 2019, arXiv:1810.05723',
  },
  octav: {
    create: octav,
    needs: 'values',
    description: 'optimal clipping by a Newton-Raphson fixed point',
    paper: 'Sakr et al. 2022, arXiv:2206.06501',
  },
} satisfies Record<string, ObserverRow>;

/** A row of `observers`. */
export type ObserverName = keyof typeof observers;
