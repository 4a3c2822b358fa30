/** Records of runs, and what is drawn from them. Pure. */
export * from './distribution-record.ts';
export * from './distribution-svg.ts';
export * from './format-distribution.ts';
export * from './format-gguf.ts';
export * from './format-inspect.ts';
export * from './format-menu.ts';
export * from './format-plan.ts';
export * from './format-stored.ts';
export { type FormatOptions, formatTable } from './format-table.ts';
export * from './format-weights.ts';
export * from './markdown-report.ts';
export {
  cardText,
  type QuantizedShare,
  type QuantizedSummary,
  quantizedSummary,
  readCard,
  WEIGHTS_KEY,
} from './quantized-summary.ts';
export * from './record.ts';
export * from './standalone-svg.ts';
export * from './summarize-model.ts';
export * from './summary.ts';
export { type Column, markdownTable, textTable, wrap } from './text-table.ts';
export * from './type-shares.ts';
export * from './units.ts';
export * from './weights-summary.ts';
