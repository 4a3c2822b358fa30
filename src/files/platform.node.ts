import type { OpenedFile } from './bytes.ts';
import { fileSiblings } from './file-siblings.node.ts';
import { openFileSource } from './file-source.node.ts';

export { type FolderOptions, openFolder } from './file-folder.node.ts';
export { folderSiblings } from './file-siblings.node.ts';
export { openPartialFiles } from './partial-files.node.ts';
export { type OutputPlace, outputPlace, stageInFolder } from './staging.node.ts';

/** Opens a model file by path, and its folder for what the model names beside itself. */
export async function openFile(path: string): Promise<OpenedFile> {
  return { source: await openFileSource(path), siblings: fileSiblings(path), path };
}
