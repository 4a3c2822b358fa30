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
