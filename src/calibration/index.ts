/** What activations look like: observers and the runs that feed them. */
export * from './observer.ts';
