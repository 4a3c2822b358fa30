/** Algorithms that choose codes: one file each, none imports another. */
export type * from './method.ts';
export * from './methods.ts';
export * from './rtn.ts';
