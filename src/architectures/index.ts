/** Checkpoints of decoder language models, by architecture. */
export { type ConvertedCheckpoint, type ConvertOptions, convertCheckpoint } from './convert-checkpoint.ts';
export { families, knownArchitectures } from './families.ts';
