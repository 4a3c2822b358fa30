import { lstatSync, rmSync, statSync } from 'node:fs';
import { access, constants, link, mkdir, mkdtemp, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fail, LowbitError } from '../tensor/index.ts';
import type { ByteSink, SinkFolder } from './bytes.ts';
import { fileError } from './file-error.node.ts';
import { openFolder } from './file-folder.node.ts';
import type { Staging } from './staging.ts';

export interface StagingOptions {
  /** Files to come: those that are there already are refused before the work. */
  readonly names: readonly string[];
  /** Replace files that are there. */
  readonly force?: boolean;
  /**
   * Names of files that an earlier output may have left and readers would take for a part of the new one: refused
   * like `names`; with `force` they are removed just before the new ones get their names.
   */
  readonly replaces?: RegExp;
  /** Paths that are never replaced, forced or not: the files that are being read. */
  readonly sources?: readonly string[];
}

/**
 * Staging in a hidden folder inside `destination`, so that publishing is a rename on the same file system.
 * `names` are the files to come: those that are there already are refused now, not after the work.
 * @throws file/folder-missing, file/exists, file/is-source, file/no-access
 */
export async function stageInFolder(destination: string, options: StagingOptions): Promise<Staging> {
  const info = await stat(destination).catch((error) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR')
      fail('file/folder-missing', { path: destination }, error);
    return fileError(error, destination, 'written');
  });
  if (!info.isDirectory()) fail('file/folder-missing', { path: destination });
  await access(destination, constants.W_OK).catch((error) => fileError(error, destination, 'written'));
  const force = options.force ?? false;
  const sources = new Set((options.sources ?? []).map(identityOf).filter((id) => id !== undefined));
  const refuse = (target: string) => {
    const id = identityOf(target);
    if (id !== undefined && sources.has(id)) fail('file/is-source', { path: target });
    refuseExisting(target, force);
  };
  for (const name of options.names) refuse(join(destination, name));
  const { replaces } = options;
  const earlier = async () =>
    replaces === undefined ? [] : (await readdir(destination)).filter((name) => replaces.test(name));
  for (const name of await earlier()) refuse(join(destination, name));
  const path = await mkdtemp(join(destination, '.lowbit-')).catch((error) =>
    fileError(error, destination, 'written'),
  );
  // A run that is ended hard between two awaits still leaves nothing behind.
  const removeNow = () => rmSync(path, { recursive: true, force: true });
  process.once('exit', removeNow);
  const sinks: ByteSink[] = [];
  const discard = async () => {
    process.off('exit', removeNow);
    // Those that an error left open would keep their descriptors.
    for (const sink of sinks) await sink.abort();
    await rm(path, { recursive: true, force: true });
  };
  return {
    folder: named(await openFolder(path, { force: true }), path, destination, sinks),
    model: (name) => ({ path: join(path, name) }),
    discard,
    async publish(names) {
      const published: string[] = [];
      // First: a folder that is cut off here lacks weights, and never has those of two models.
      for (const name of await earlier()) {
        const target = join(destination, name);
        if (names.includes(name)) continue;
        refuse(target);
        await rm(target, { force: true }).catch((error) => fileError(error, target, 'written'));
      }
      for (const name of names) {
        const target = join(destination, name);
        await mkdir(dirname(target), { recursive: true });
        refuse(target);
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

/**
 * The staging folder, with errors that speak of the destination: nobody asked for a hidden folder. What is opened
 * is added to `sinks`.
 */
function named(folder: SinkFolder, staging: string, destination: string, sinks: ByteSink[]): SinkFolder {
  const rename = (error: unknown): never => {
    if (error instanceof LowbitError && 'path' in error.details) {
      const path = String(error.details.path).replace(staging, destination);
      throw new LowbitError(error.code, { ...error.details, path } as typeof error.details, { cause: error });
    }
    throw error;
  };
  return {
    async open(name) {
      const sink = await folder.open(name).catch(rename);
      sinks.push(sink);
      const write = sink.write.bind(sink);
      sink.write = (bytes) => write(bytes).catch(rename);
      return sink;
    },
    commit: (sinks) => folder.commit!(sinks).catch(rename),
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

/** The file behind a path, whatever it is called; undefined when there is none. */
function identityOf(path: string): string | undefined {
  const info = statSync(path, { throwIfNoEntry: false, bigint: true });
  return info && `${info.dev}:${info.ino}`;
}

function refuseExisting(path: string, force: boolean): void {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there?.isDirectory()) fail('file/not-a-file', { path });
  if (there !== undefined && !force) fail('file/exists', { path });
}

/** Where an output goes: a folder, and the file's name when the user named a file. */
export interface OutputPlace {
  readonly folder: string;
  readonly file?: string;
  /** Takes back the folder that was made for this output, if nothing was put into it. */
  undo(): Promise<void>;
}

/**
 * Reads `path` as a folder when it ends with a separator, is one, or `many` files are to come; else as a file.
 * The last folder of the path is made when it is missing; one before it is not: that is a typing error.
 * @throws file/several-outputs, file/folder-missing, file/not-a-folder, file/no-access
 */
export async function outputPlace(path: string, many: boolean): Promise<OutputPlace> {
  const info = await stat(path).catch(() => undefined);
  const asFolder = many || info?.isDirectory() === true || /[/\\]$/.test(path);
  if (!asFolder) return { folder: dirname(path), file: basename(path), undo: async () => {} };
  if (info !== undefined) {
    if (!info.isDirectory()) fail('file/not-a-folder', { path });
    return { folder: path, undo: async () => {} };
  }
  if (/\.(onnx|gguf)$/i.test(path)) fail('file/several-outputs', { path });
  await mkdir(path).catch((error) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR')
      fail('file/folder-missing', { path: dirname(path) }, error);
    return fileError(error, path, 'written');
  });
  return { folder: path, undo: () => rmdir(path).catch(() => {}) };
}
