/** Records of runs, and what is drawn from them. Pure. */
export * from './record.ts';
export * from './summarize-model.ts';
export * from './summary.ts';
