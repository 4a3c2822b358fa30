import { close, fstat, open, read } from 'node:fs';
import { promisify } from 'node:util';
import { fail } from '../tensor/index.ts';
import type { ByteSource } from './bytes.ts';
import { fileError } from './file-error.node.ts';
import { checkRange } from './memory-source.ts';

const openFd = promisify(open);
const closeFd = promisify(close);
const stat = promisify(fstat);
const readFd = promisify(read);

/** One read call takes at most 2 GiB - 1 on every platform. */
const READ_LIMIT = 2 ** 30;

/** Lazy weights keep their file open; one that nobody can reach any more gives its descriptor back. */
const forgotten = new FinalizationRegistry<number>((fd) => close(fd, () => {}));

/**
 * Opens a file for positional reads; it may be larger than memory.
 * @throws file/missing, file/not-a-file, file/no-access, file/failed
 */
export async function openFileSource(path: string, name = path): Promise<ByteSource> {
  let fd: number;
  try {
    fd = await openFd(path, 'r');
  } catch (error) {
    return fileError(error, name, 'read');
  }
  try {
    const info = await stat(fd);
    if (!info.isFile()) fail('file/not-a-file', { path: name });
    return new FileSource(fd, name, info.size);
  } catch (error) {
    await closeFd(fd);
    return fileError(error, name, 'read');
  }
}

class FileSource implements ByteSource {
  readonly name: string;
  readonly size: number;
  #fd: number | undefined;

  constructor(fd: number, name: string, size: number) {
    this.#fd = fd;
    this.name = name;
    this.size = size;
    forgotten.register(this, fd, this);
  }

  get descriptor(): number | undefined {
    return this.#fd;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    checkRange(this.name, this.size, offset, length);
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      if (this.#fd === undefined)
        fail('file/failed', { path: this.name, act: 'read', message: 'it was closed' });
      const want = Math.min(READ_LIMIT, length - done);
      const { bytesRead } = await readFd(this.#fd, bytes, done, want, offset + done).catch((error) =>
        fileError(error, this.name, 'read'),
      );
      // The file became shorter since it was opened.
      if (bytesRead === 0)
        fail('file/out-of-range', { file: this.name, offset, length, size: offset + done });
      done += bytesRead;
    }
    return bytes;
  }

  async close(): Promise<void> {
    const fd = this.#fd;
    if (fd === undefined) return;
    this.#fd = undefined;
    forgotten.unregister(this);
    await closeFd(fd);
  }
}
