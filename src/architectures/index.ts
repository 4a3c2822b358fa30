/** Checkpoints of decoder language models, by architecture. */
export { type ConvertedCheckpoint, type ConvertOptions, convertCheckpoint } from './convert-checkpoint.ts';
export { convertLlama2c, type Llama2cFiles } from './convert-llama2c.ts';
export { families, knownArchitectures } from './families.ts';
export { readableTensors } from './float-tensors.ts';
export { readJson } from './read-json.ts';
