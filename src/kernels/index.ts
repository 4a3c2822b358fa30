/** Hot loops. Each has a readable twin in `<name>.ref.ts` that gives the same bits. */
export * from './fit-affine.ref.ts';
export * from './quantize-affine.ref.ts';
