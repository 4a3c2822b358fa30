/** Records of runs, and what is drawn from them. Pure. */
export * from './record.ts';
