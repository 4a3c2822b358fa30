/** What activations look like: observers and the runs that feed them. */
export * from './calibrate.ts';
export * from './histogram.ts';
export * from './observer.ts';
export * from './observers.ts';
