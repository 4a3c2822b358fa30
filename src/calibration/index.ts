/** What activations look like: observers and the runs that feed them. */
export * from './calibrate.ts';
export * from './channel-statistics.ts';
export * from './clip-maxima.ts';
export * from './empirical-bias.ts';
export * from './histogram.ts';
export * from './observer.ts';
export * from './observers.ts';
