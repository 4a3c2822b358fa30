import type { Feeds, Session } from '../runtime/index.ts';
import { quantile } from './intervals.ts';

/** Time of one run, after warm-up. */
export interface Latency {
  readonly batch: number;
  readonly runs: number;
  readonly medianMs: number;
  readonly p95Ms: number;
}

/**
 * Median and 95th percentile of the time of one run, after `warmup` runs that are not counted: the first
 * ones allocate and pack. Timed in the worker, next to the engine. `batch` is what the feeds hold.
 */
export async function measureLatency(
  session: Session,
  feeds: Feeds,
  options: { readonly batch: number; readonly runs?: number; readonly warmup?: number },
): Promise<Latency> {
  const { batch, runs = 50, warmup = Math.max(3, Math.ceil(runs / 10)) } = options;
  const times = (await session.time(feeds, { warmup, runs })).sort();
  return { batch, runs, medianMs: quantile(times, 0.5), p95Ms: quantile(times, 0.95) };
}

/** Two models timed in turns, so that what else the machine does falls on both. */
export interface LatencyComparison {
  readonly reference: Latency;
  readonly candidate: Latency;
  /** Median over the turns of reference time / candidate time; above 1 the candidate is faster. */
  readonly speedup: number;
  /** Slower by more than 5 % in every turn: more than noise. */
  readonly slower: boolean;
}

/** Many short turns: a neighbour that disturbs some of them moves neither the median nor the verdict. */
const turns = 9;
/** After a run the engine's threads spin for some milliseconds, which would slow the other model's next one. */
const restMs = 25;

/** Times two models in turns on the same feeds: the speedup is a ratio within each turn. */
export async function compareLatency(
  reference: Session,
  candidate: Session,
  feeds: Feeds,
  options: { readonly batch: number; readonly runs?: number },
): Promise<LatencyComparison> {
  const { batch, runs = 50 } = options;
  const perTurn = Math.max(1, Math.ceil(runs / turns));
  const times: Record<'reference' | 'candidate', number[]> = { reference: [], candidate: [] };
  const ratios = new Float64Array(turns);
  for (let turn = 0; turn < turns; turn++) {
    const medians = [];
    for (const [name, session] of Object.entries({ reference, candidate })) {
      await new Promise((resolve) => setTimeout(resolve, restMs));
      const own = (await session.time(feeds, { warmup: turn === 0 ? 10 : 3, runs: perTurn })).sort();
      times[name as keyof typeof times].push(...own);
      medians.push(quantile(own, 0.5));
    }
    ratios[turn] = medians[0]! / medians[1]!;
  }
  const latency = (all: readonly number[]): Latency => {
    const sorted = Float64Array.from(all).sort();
    return { batch, runs: all.length, medianMs: quantile(sorted, 0.5), p95Ms: quantile(sorted, 0.95) };
  };
  return {
    reference: latency(times.reference),
    candidate: latency(times.candidate),
    speedup: quantile(ratios.slice().sort(), 0.5),
    slower: ratios.every((ratio) => ratio < 0.95),
  };
}
