/** Containers and bytes: reading and writing model files. */
export {
  type FolderOptions,
  type OutputPlace,
  openFile,
  openFolder,
  outputPlace,
  stageInFolder,
} from '#files-platform';
export { blobSiblings, blobSource } from './blob-source.web.ts';
export * from './bytes.ts';
export { commitTogether } from './commit-together.ts';
export { concatenate } from './concatenate.ts';
export { openUrl } from './http-source.web.ts';
export { memoryFolder } from './memory-folder.ts';
export { memorySiblings, memorySource } from './memory-source.ts';
export { safeLocation } from './safe-location.ts';
export { type StagedModel, type Staging, stageInMemory } from './staging.ts';
export * from './tensor-source.ts';
