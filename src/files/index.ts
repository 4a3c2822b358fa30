/** Containers and bytes: reading and writing model files. */
export * from './bytes.ts';
