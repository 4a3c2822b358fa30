import { inlinePool } from './inline-pool.ts';
import type { TilePool, TilePoolOptions } from './tile-pool.ts';

/** A page works in its own thread: run lowbit in a worker of your own to keep the page free. */
export const createThreads = (_options: TilePoolOptions): TilePool => inlinePool();
