/** Element types, tensors, errors: what every other layer speaks. */
export * from './dtype.ts';
export * from './errors.ts';
export * from './nearest.ts';
export * from './seeded-random.ts';
export * from './tensor.ts';
