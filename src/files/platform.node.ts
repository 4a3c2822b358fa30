import type { ByteSource, Siblings } from './bytes.ts';
import { fileSiblings } from './file-siblings.node.ts';
import { openFileSource } from './file-source.node.ts';

export { type FolderOptions, openFolder } from './file-folder.node.ts';
export { stageInFolder } from './staging.node.ts';

/** Opens a model file by path, and its folder for what the model names beside itself. */
export async function openFile(path: string): Promise<{ source: ByteSource; siblings: Siblings }> {
  return { source: await openFileSource(path), siblings: fileSiblings(path) };
}
