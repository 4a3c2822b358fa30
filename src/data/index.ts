/** Datasets bound to a model's inputs. */
export * from './dataset.ts';
