import { constants } from 'node:fs';
import { access, type FileHandle, link, lstat, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../tensor/index.ts';
import type { ByteSink, SinkFolder } from './bytes.ts';
import { fileError } from './file-error.node.ts';

/** What may be done to a folder. */
export interface FolderOptions {
  /** Replace files that are already there. Default false: they are an error before anything is written. */
  readonly force?: boolean;
}

/**
 * Opens an existing folder for writing. A file grows under a temporary name beside its final one; commit
 * flushes it to disk and renames it, abort removes it.
 * @throws file/folder-missing, file/no-access, file/exists, file/disk-full, file/failed
 */
export async function openFolder(path: string, options: FolderOptions = {}): Promise<SinkFolder> {
  const info = await stat(path).catch((error) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') fail('file/folder-missing', { path }, error);
    return fileError(error, path, 'written');
  });
  if (!info.isDirectory()) fail('file/folder-missing', { path });
  await access(path, constants.W_OK).catch((error) => fileError(error, path, 'written'));
  const force = options.force ?? false;
  return {
    open: (name) => FileSink.create(path, name, force),
    commit: (sinks) => commitFiles(path, sinks),
  };
}

class FileSink implements ByteSink {
  readonly name: string;
  readonly #folder: string;
  readonly #path: string;
  readonly #temporary: string;
  readonly #force: boolean;
  #handle: FileHandle | undefined;
  #size = 0;
  #state: 'open' | 'committed' | 'aborted' = 'open';

  static async create(folder: string, name: string, force: boolean): Promise<FileSink> {
    if (name === '' || name === '.' || name === '..' || /[/\\:\0]/.test(name)) {
      fail('file/unsafe-location', { location: name, file: folder, why: 'it is not a plain file name' });
    }
    const path = join(folder, name);
    const there = await lstat(path).catch(() => undefined);
    if (there?.isDirectory()) fail('file/not-a-file', { path });
    if (there !== undefined && !force) fail('file/exists', { path });
    const temporary = join(folder, `.${name}.${crypto.randomUUID().slice(0, 8)}.tmp`);
    const handle = await open(temporary, 'wx').catch((error) => fileError(error, path, 'written'));
    return new FileSink(folder, name, temporary, handle, force);
  }

  private constructor(folder: string, name: string, temporary: string, handle: FileHandle, force: boolean) {
    this.#folder = folder;
    this.name = name;
    this.#path = join(folder, name);
    this.#temporary = temporary;
    this.#handle = handle;
    this.#force = force;
  }

  get size(): number {
    return this.#size;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#handle === undefined)
      fail('file/failed', { path: this.#path, act: 'written', message: 'it is closed' });
    for (let done = 0; done < bytes.byteLength; ) {
      const length = Math.min(2 ** 30, bytes.byteLength - done);
      const { bytesWritten } = await this.#handle
        .write(bytes, done, length)
        .catch((error) => fileError(error, this.#path, 'written'));
      done += bytesWritten;
      this.#size += bytesWritten;
    }
  }

  /** Everything on disk, still under the temporary name: after it only a rename is left, which takes no space. */
  async seal(): Promise<void> {
    const handle = this.#handle;
    if (handle === undefined) return;
    this.#handle = undefined;
    try {
      await handle.sync();
    } catch (error) {
      fileError(error, this.#path, 'written');
    } finally {
      await handle.close().catch((error) => fileError(error, this.#path, 'written'));
    }
  }

  async commit(): Promise<void> {
    await commitFiles(this.#folder, [this]);
  }

  /** Gives the file its name; the result undoes that, or forgets what was there before. */
  async place(): Promise<Placed> {
    const path = this.#path;
    const backup = `${this.#temporary}.old`;
    let replaced = false;
    try {
      if (this.#force) {
        replaced = await link(path, backup).then(
          () => true,
          () => false,
        );
        await rename(this.#temporary, path);
      } else {
        await placeNew(this.#temporary, path);
      }
    } catch (error) {
      await rm(backup, { force: true });
      return fileError(error, path, 'written');
    }
    this.#state = 'committed';
    return {
      undo: () => (replaced ? rename(backup, path) : rm(path, { force: true })),
      keep: () => rm(backup, { force: true }),
    };
  }

  get pending(): boolean {
    return this.#state === 'open';
  }

  async abort(): Promise<void> {
    if (this.#state !== 'open') return;
    this.#state = 'aborted';
    await this.#handle?.close().catch(() => {});
    this.#handle = undefined;
    await rm(this.#temporary, { force: true });
  }
}

interface Placed {
  undo(): Promise<void>;
  keep(): Promise<void>;
}

/** Without force a name that appeared meanwhile wins: a hard link never replaces. Some file systems have none. */
async function placeNew(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
    if (await lstat(path).catch(() => undefined)) fail('file/exists', { path });
    return rename(temporary, path);
  }
  await rm(temporary, { force: true });
}

async function commitFiles(folder: string, sinks: readonly ByteSink[]): Promise<void> {
  const files = sinks.map((sink) => {
    if (!(sink instanceof FileSink)) throw new TypeError(`${sink.name} is not a sink of ${folder}`);
    return sink;
  });
  const pending = files.filter((sink) => sink.pending);
  for (const sink of pending) await sink.seal();
  const placed: Placed[] = [];
  try {
    for (const sink of pending) placed.push(await sink.place());
  } catch (error) {
    for (const done of placed.reverse()) await done.undo().catch(() => {});
    throw error;
  }
  for (const done of placed) await done.keep();
  await syncFolder(folder);
}

/** Makes the new names themselves durable; not every platform can open a folder. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close();
}
