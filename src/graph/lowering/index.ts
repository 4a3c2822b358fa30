/** Lowerings: rewrites of a float graph into operators that hold and compute fewer bits. */
export * from './lowering.ts';
