import { readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { fail } from '../tensor/index.ts';
import type { Siblings } from './bytes.ts';
import { fileError } from './file-error.node.ts';
import { openFileSource } from './file-source.node.ts';
import { safeLocation } from './safe-location.ts';

/** The folder of a model file. A location is opened only if it lies inside after every link is followed. */
export const fileSiblings = (modelPath: string): Siblings => siblingsIn(dirname(modelPath), modelPath);

/**
 * The files of a folder, as a model's.
 * @throws file/missing, file/not-a-folder, file/no-access
 */
export async function folderSiblings(folder: string): Promise<Siblings> {
  const info = await stat(folder).catch((error) => fileError(error, folder, 'read'));
  if (!info.isDirectory()) fail('file/not-a-folder', { path: folder });
  return siblingsIn(folder, folder);
}

function siblingsIn(folder: string, model: string): Siblings {
  return {
    async open(location) {
      const path = join(folder, ...safeLocation(location, model));
      const [home, real] = await Promise.all([resolved(folder), resolved(path)]);
      const root = rootOf(home);
      if (!real.startsWith(root.endsWith(sep) ? root : root + sep)) {
        fail('file/unsafe-location', { location, file: model, why: 'it is a link that leaves the folder' });
      }
      return openFileSource(real, path);
    },
    list: () => readdir(folder).catch((error) => fileError(error, folder, 'read')),
  };
}

/**
 * The folder that links may not leave: the model's own. In the cache of Hugging Face's hub a model's folder,
 * `models--<owner>--<name>/snapshots/<revision>`, is made of links to `blobs` beside `snapshots`, so there it is the
 * folder of the whole repository.
 */
function rootOf(folder: string): string {
  const parts = folder.split(sep);
  const hub = parts.at(-2) === 'snapshots' && /^models--/.test(parts.at(-3) ?? '');
  return hub ? parts.slice(0, -2).join(sep) : folder;
}

async function resolved(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    return fileError(error, path, 'read');
  }
}
