import { fail } from '../tensor/index.ts';
import type { OpenedFile, Siblings, SinkFolder } from './bytes.ts';
import { openUrl, urlSiblings } from './http-source.web.ts';
import type { PartialFiles, PartialPlan } from './partial-files.ts';
import type { Staging } from './staging.ts';

export interface FolderOptions {
  readonly force?: boolean;
}

/** Opens a URL, absolute or relative to the page. */
export function openFile(path: string): Promise<OpenedFile> {
  return openUrl(path);
}

/** The files under a URL, absolute or relative to the page. */
export async function folderSiblings(folder: string): Promise<Siblings> {
  return urlSiblings(folder);
}

/** @throws file/no-folders always: a page has no folders; write to `memoryFolder()`. */
export async function openFolder(path: string, _options: FolderOptions = {}): Promise<SinkFolder> {
  return fail('file/no-folders', { path });
}

/** @throws file/no-folders always. */
export async function stageInFolder(
  destination: string,
  _options: {
    readonly names: readonly string[];
    readonly force?: boolean;
    readonly replaces?: RegExp;
    readonly sources?: readonly string[];
  },
): Promise<Staging> {
  return fail('file/no-folders', { path: destination });
}

/** @throws file/no-folders always. */
export async function openPartialFiles(folder: string, _plan: PartialPlan): Promise<PartialFiles> {
  return fail('file/no-folders', { path: folder });
}

export interface OutputPlace {
  readonly folder: string;
  readonly file?: string;
  undo(): Promise<void>;
}

/** @throws file/no-folders always. */
export async function outputPlace(path: string, _many: boolean): Promise<OutputPlace> {
  return fail('file/no-folders', { path });
}
