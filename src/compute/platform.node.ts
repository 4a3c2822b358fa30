export { threadPool as createThreads } from './thread-pool.node.ts';
