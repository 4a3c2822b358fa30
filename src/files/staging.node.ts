import { lstatSync, rmSync } from 'node:fs';
import { access, constants, link, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fail } from '../tensor/index.ts';
import { fileError } from './file-error.node.ts';
import { openFolder } from './file-folder.node.ts';
import type { Staging } from './staging.ts';

/**
 * Staging in a hidden folder inside `destination`, so that publishing is a rename on the same file system.
 * `names` are the files to come: those that are there already are refused now, not after the work.
 * @throws file/folder-missing, file/exists, file/no-access
 */
export async function stageInFolder(
  destination: string,
  options: { readonly names: readonly string[]; readonly force?: boolean },
): Promise<Staging> {
  const info = await stat(destination).catch((error) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR')
      fail('file/folder-missing', { path: destination }, error);
    return fileError(error, destination, 'written');
  });
  if (!info.isDirectory()) fail('file/folder-missing', { path: destination });
  await access(destination, constants.W_OK).catch((error) => fileError(error, destination, 'written'));
  const force = options.force ?? false;
  for (const name of options.names) refuseExisting(join(destination, name), force);
  const path = await mkdtemp(join(destination, '.lowbit-')).catch((error) =>
    fileError(error, destination, 'written'),
  );
  // A run that is ended hard between two awaits still leaves nothing behind.
  const removeNow = () => rmSync(path, { recursive: true, force: true });
  process.once('exit', removeNow);
  const discard = async () => {
    process.off('exit', removeNow);
    await rm(path, { recursive: true, force: true });
  };
  return {
    folder: await openFolder(path, { force: true }),
    model: (name) => ({ path: join(path, name) }),
    discard,
    async publish(names) {
      const published: string[] = [];
      for (const name of names) {
        const target = join(destination, name);
        await mkdir(dirname(target), { recursive: true });
        refuseExisting(target, force);
        await (force ? rename(join(path, name), target) : placeNew(join(path, name), target)).catch((error) =>
          fileError(error, target, 'written'),
        );
        published.push(target);
      }
      await discard();
      return published;
    },
  };
}

/** A hard link never replaces a file that appeared meanwhile; file systems without links get a plain rename. */
async function placeNew(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
    await rename(from, to);
  }
}

function refuseExisting(path: string, force: boolean): void {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there?.isDirectory()) fail('file/not-a-file', { path });
  if (there !== undefined && !force) fail('file/exists', { path });
}
