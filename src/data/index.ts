/** Datasets bound to a model's inputs. */
export * from './array-dataset.ts';
export { type DataEntry, type DataFolder, fileDataFolder, memoryDataFolder } from './data-folder.ts';
export * from './dataset.ts';
export { type DatasetSpec, datasetJsonSchema, parseDatasetSpec } from './dataset-spec.ts';
export * from './open-dataset.ts';
export { type DataFormat, formatNames } from './readers/format-names.ts';
