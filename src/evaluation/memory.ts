/** Peak memory is measured where processes are started: in the runtime layer. */
export { measureMemory } from '../runtime/index.ts';
