/** Work on tiles of tensors, in worker threads where there are any. */
export { inlinePool } from './inline-pool.ts';
export { countTiles, type TensorJob, TILE_VALUES } from './tensor-job.ts';
export * from './tile-pool.ts';
