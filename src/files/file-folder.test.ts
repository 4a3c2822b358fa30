import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { LowbitError } from '../tensor/index.ts';
import { fileError } from './file-error.node.ts';
import { commitTogether, openFile, openFolder } from './index.ts';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'lowbit-files-'))));
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (name: string) => readFileSync(join(folder, name), 'utf8');

/** The full text of an error, with the folder's changing name taken out. */
async function messageOf(run: Promise<unknown>): Promise<string> {
  const error = await run.then(
    () => new Error('nothing was thrown'),
    (e: unknown) => e,
  );
  if (!(error instanceof LowbitError)) throw error;
  expect(error.exitCode).toBe(2);
  return error.message.replaceAll(folder, '<folder>');
}

/** Makes the operating system fail like a full disk from the nth call on. */
async function fillDisk(method: 'write' | 'sync', fromCall: number): Promise<void> {
  const probe = await open(join(folder, 'probe'), 'w');
  const prototype = Object.getPrototypeOf(probe) as FileHandle;
  await probe.close();
  rmSync(join(folder, 'probe'));
  const real = prototype[method] as (...args: unknown[]) => Promise<unknown>;
  let calls = 0;
  vi.spyOn(prototype, method).mockImplementation(function (this: FileHandle, ...args: unknown[]) {
    if (++calls >= fromCall) {
      return Promise.reject(Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }));
    }
    return real.apply(this, args);
  } as never);
}

describe('sinks', () => {
  test('nothing has the final name before commit', async () => {
    const sink = await (await openFolder(folder)).open('a.bin');
    await sink.write(bytes('half '));
    expect(existsSync(join(folder, 'a.bin'))).toBe(false);
    await sink.write(bytes('whole'));
    await sink.commit();
    await sink.abort();
    expect([readdirSync(folder), text('a.bin'), sink.size]).toEqual([['a.bin'], 'half whole', 10]);
  });

  test('abort leaves nothing', async () => {
    const sink = await (await openFolder(folder)).open('a.bin');
    await sink.write(bytes('half'));
    await sink.abort();
    await sink.abort();
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a full disk while writing', async () => {
    const sink = await (await openFolder(folder)).open('a.bin');
    await fillDisk('write', 1);
    expect(await messageOf(sink.write(bytes('x')))).toMatchInlineSnapshot(
      `"The disk is full: <folder>/a.bin could not be written. Free some space, or write elsewhere."`,
    );
    await sink.abort();
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a file that is there stays, unless forced', async () => {
    writeFileSync(join(folder, 'a.bin'), 'old');
    expect(await messageOf((await openFolder(folder)).open('a.bin'))).toMatchInlineSnapshot(
      `"<folder>/a.bin is already there. Choose another name, or replace it with --force."`,
    );
    const sink = await (await openFolder(folder, { force: true })).open('a.bin');
    await sink.write(bytes('new'));
    expect(text('a.bin')).toBe('old');
    await sink.commit();
    expect([readdirSync(folder), text('a.bin')]).toEqual([['a.bin'], 'new']);
  });

  test('a file that appears meanwhile stays', async () => {
    const sink = await (await openFolder(folder)).open('a.bin');
    await sink.write(bytes('mine'));
    writeFileSync(join(folder, 'a.bin'), 'theirs');
    expect(await messageOf(sink.commit())).toContain('is already there');
    await sink.abort();
    expect([readdirSync(folder), text('a.bin')]).toEqual([['a.bin'], 'theirs']);
  });

  test('files that belong together appear together or not at all', async () => {
    writeFileSync(join(folder, 'm.data'), 'old data');
    const sinks = await openFolder(folder, { force: true });
    const data = await sinks.open('m.data');
    const model = await sinks.open('m.onnx');
    await data.write(bytes('new data'));
    await model.write(bytes('model'));
    // A folder of that name: the second rename fails after the first one was done.
    mkdirSync(join(folder, 'm.onnx'));
    await messageOf(commitTogether(sinks, [data, model]));
    await data.abort();
    await model.abort();
    expect([readdirSync(folder).sort(), text('m.data')]).toEqual([['m.data', 'm.onnx'], 'old data']);
  });

  test('a disk that is full only when flushed leaves the old files', async () => {
    writeFileSync(join(folder, 'm.data'), 'old data');
    const sinks = await openFolder(folder, { force: true });
    const [data, model] = [await sinks.open('m.data'), await sinks.open('m.onnx')];
    await data.write(bytes('new data'));
    await fillDisk('sync', 2);
    expect(await messageOf(commitTogether(sinks, [data, model]))).toContain('The disk is full');
    for (const sink of [data, model]) await sink.abort();
    expect([readdirSync(folder), text('m.data')]).toEqual([['m.data'], 'old data']);
  });

  test('names and folders that cannot be', async () => {
    const sinks = await openFolder(folder);
    expect(await messageOf(sinks.open('../a'))).toMatchInlineSnapshot(
      `"'../a', named by <folder>, is refused: it is not a plain file name. Only files inside that folder are used; move the file there and name it relative to it."`,
    );
    expect(await messageOf(openFolder(join(folder, 'none')))).toMatchInlineSnapshot(
      `"There is no folder <folder>/none. Make it first, or name another one."`,
    );
    writeFileSync(join(folder, 'f'), '');
    expect(await messageOf(openFolder(join(folder, 'f')))).toContain('There is no folder');
    mkdirSync(join(folder, 'd'));
    expect(await messageOf(sinks.open('d'))).toContain('is not a plain file');
  });
});

describe('sources', () => {
  test('positional reads', async () => {
    writeFileSync(join(folder, 'a.bin'), 'abcdef');
    const { source } = await openFile(join(folder, 'a.bin'));
    expect(source.size).toBe(6);
    expect(await source.read(2, 3)).toEqual(bytes('cde'));
    expect(await source.read(6, 0)).toEqual(bytes(''));
    expect(await messageOf(source.read(4, 3))).toMatchInlineSnapshot(
      `"<folder>/a.bin has 6 bytes, but 3 at offset 4 were asked for. The file is cut off or was changed; copy or download it again."`,
    );
    await source.close?.();
    await source.close?.();
    expect(await messageOf(source.read(0, 1))).toMatchInlineSnapshot(
      `"<folder>/a.bin could not be read: it was closed."`,
    );
  });

  test('a file that became shorter', async () => {
    writeFileSync(join(folder, 'a.bin'), 'abcdef');
    const { source } = await openFile(join(folder, 'a.bin'));
    writeFileSync(join(folder, 'a.bin'), 'abc');
    expect(await messageOf(source.read(2, 4))).toContain('has 3 bytes');
  });

  test('missing files and folders', async () => {
    expect(await messageOf(openFile(join(folder, 'none')))).toMatchInlineSnapshot(
      `"There is no file <folder>/none. Check the path."`,
    );
    expect(await messageOf(openFile(folder))).toMatchInlineSnapshot(
      `"<folder> is not a plain file. Name a file."`,
    );
  });

  test('siblings stay inside the folder', async () => {
    mkdirSync(join(folder, 'model/data'), { recursive: true });
    for (const f of ['secret', 'model/m', 'model/data/w']) writeFileSync(join(folder, f), f);
    symlinkSync('../secret', join(folder, 'model/link'));
    symlinkSync('..', join(folder, 'model/up'));
    symlinkSync('data/w', join(folder, 'model/inside'));
    const { siblings } = await openFile(join(folder, 'model/m'));
    expect(await (await siblings.open('./data/w')).read(0, 5)).toEqual(bytes('model'));
    expect((await siblings.open('inside')).size).toBe(12);
    const refused: Record<string, string> = {};
    for (const location of [
      'link',
      'up/secret',
      '../secret',
      'data/../../secret',
      '/etc/passwd',
      'C:\\x',
      '..\\secret',
      'C:/x',
      '',
      '.',
      'data/',
      'a\0b',
      'file:///etc/passwd',
    ]) {
      const message = await messageOf(siblings.open(location));
      refused[JSON.stringify(location)] = /is refused: (.*?)\. Only/.exec(message)?.[1] ?? message;
    }
    expect(refused).toMatchInlineSnapshot(`
      {
        """": "it names no file",
        ""."": "it names no file",
        ""../secret"": "it holds '..'",
        ""..\\\\secret"": "it holds a backslash",
        ""/etc/passwd"": "it is an absolute path",
        ""C:/x"": "it holds a colon (a drive letter, a stream or a URL)",
        ""C:\\\\x"": "it holds a backslash",
        ""a\\u0000b"": "it holds control characters",
        ""data/"": "it names a folder",
        ""data/../../secret"": "it holds '..'",
        ""file:///etc/passwd"": "it holds a colon (a drive letter, a stream or a URL)",
        ""link"": "it is a link that leaves the folder",
        ""up/secret"": "it is a link that leaves the folder",
      }
    `);
    expect(await messageOf(siblings.open('data/none'))).toContain(
      'There is no file <folder>/model/data/none',
    );
  });

  test('a linked folder is the folder', async () => {
    mkdirSync(join(folder, 'real'));
    writeFileSync(join(folder, 'real/m'), 'm');
    symlinkSync('real', join(folder, 'linked'));
    const { siblings } = await openFile(join(folder, 'linked/m'));
    expect((await siblings.open('m')).size).toBe(1);
  });
});

test('missing rights', async () => {
  writeFileSync(join(folder, 'a.bin'), 'abc', { mode: 0 });
  mkdirSync(join(folder, 'out'), { mode: 0o555 });
  chmodSync(folder, 0o755);
  // Root may do anything, so it becomes nobody for a moment.
  const root = process.getuid?.() === 0;
  if (root) process.seteuid?.('nobody');
  try {
    expect(await messageOf(openFile(join(folder, 'a.bin')))).toMatchInlineSnapshot(
      `"<folder>/a.bin cannot be read: the rights are missing. Change them, or choose another place."`,
    );
    // Where the real user has no rights either, the folder itself is refused.
    const written = openFolder(join(folder, 'out')).then((out) => out.open('a.bin'));
    expect((await messageOf(written)).replace('out/a.bin', 'out')).toMatchInlineSnapshot(
      `"<folder>/out cannot be written: the rights are missing. Change them, or choose another place."`,
    );
  } finally {
    if (root) process.seteuid?.(0);
  }
});

test('errors of the operating system have names', () => {
  const named = (code: string, act: 'read' | 'written') => {
    try {
      fileError(Object.assign(new Error(`${code}: it failed`), { code }), 'a.onnx', act);
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(named('EACCES', 'written')).toMatchInlineSnapshot(
    `"a.onnx cannot be written: the rights are missing. Change them, or choose another place."`,
  );
  expect(named('EROFS', 'written')).toBe(named('EPERM', 'written'));
  expect(named('EDQUOT', 'written')).toBe(named('ENOSPC', 'written'));
  expect(named('EIO', 'read')).toMatchInlineSnapshot(`"a.onnx could not be read: EIO: it failed."`);
});
