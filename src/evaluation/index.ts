/** What a model is worth and what its bits cost: metrics, agreement, latency, memory, limits. */

export { openLanguageModel } from '#evaluation-platform';
export * from './check-finite.ts';
export * from './compare-layers.ts';
export * from './compare-models.ts';
export type * from './language/language-model.ts';
export * from './language/perplexity.ts';
export * from './latency.ts';
export * from './limits.ts';
export * from './memory.ts';
export { type MetricFigure, type MetricName, type MetricRow, metrics } from './metrics.ts';
export * from './output-comparison.ts';
export * from './paired-comparison.ts';
export type { NamedSession, PassOptions } from './pass-over-data.ts';
export * from './synthetic-feeds.ts';
