import { calibrate, type Observer, type ObserverName, observers, type Range } from '../calibration/index.ts';
import type { Dataset } from '../data/index.ts';
import type { Model } from '../graph/index.ts';
import { lookUp } from '../tensor/index.ts';
import type { RunContext } from './run-context.ts';

/** Which activation value is cut how; what a static plan asks for. */
export interface RangeWish {
  readonly value: string;
  readonly target: { readonly levels: number; readonly symmetric: boolean };
}

/** A symmetric range ends at the largest magnitude. */
const symmetric = { levels: 256, symmetric: true };

/** Observes values of one float model on demand; what was seen once is not run again. */
export interface Calibrator {
  readonly samples: number;
  readonly seconds: () => number;
  observe(observer: ObserverName, values: readonly string[]): Promise<ReadonlyMap<string, Observer>>;
  /** Largest magnitude of each value; values that this model does not have are left out. */
  magnitudes(values: readonly string[]): Promise<ReadonlyMap<string, number>>;
  ranges(observer: ObserverName, wishes: readonly RangeWish[]): Promise<ReadonlyMap<string, Range>>;
}

export function calibrator(context: RunContext, model: Model, dataset: Dataset, samples: number): Calibrator {
  const seen = new Map<ObserverName, Map<string, Observer>>();
  let seconds = 0;
  const observe: Calibrator['observe'] = async (observer, values) => {
    lookUp('observer', observers, observer);
    let known = seen.get(observer);
    if (known === undefined) seen.set(observer, (known = new Map()));
    const missing = [...new Set(values)].filter((value) => !known.has(value));
    if (missing.length > 0) {
      context.emit({ type: 'step', step: 'calibrate' });
      const started = performance.now();
      const found = await calibrate({
        model,
        values: missing,
        dataset,
        runtime: context.runtime,
        observer,
        samples,
        signal: context.signal,
        onProgress: context.progress('calibrate', 'samples'),
      });
      for (const [value, each] of found) known.set(value, each);
      seconds += (performance.now() - started) / 1000;
    }
    return known;
  };
  return {
    samples: Math.min(samples, dataset.size),
    seconds: () => seconds,
    observe,
    async magnitudes(values) {
      // A lowering may have renamed values since: only those of the float model can be observed.
      const { graph } = model;
      const known = values.filter((value) => graph.isInput(value) || graph.producer(value) !== undefined);
      const observed = await observe('min-max', known);
      return new Map(known.map((value) => [value, observed.get(value)!.range(symmetric).max]));
    },
    async ranges(observer, wishes) {
      const observed = await observe(
        observer,
        wishes.map((w) => w.value),
      );
      return new Map(wishes.map(({ value, target }) => [value, observed.get(value)!.range(target)]));
    },
  };
}
