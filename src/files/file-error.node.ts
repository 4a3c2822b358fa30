import { type ErrorCode, fail, LowbitError } from '../tensor/index.ts';

export type FileAct = 'read' | 'written';

const codes: Readonly<Record<string, Extract<ErrorCode, `file/${string}`>>> = {
  ENOENT: 'file/missing',
  ENOTDIR: 'file/missing',
  EISDIR: 'file/not-a-file',
  EACCES: 'file/no-access',
  EPERM: 'file/no-access',
  EROFS: 'file/no-access',
  ENOSPC: 'file/disk-full',
  EDQUOT: 'file/disk-full',
  EEXIST: 'file/exists',
};

/** Turns an error of the operating system into a named one. */
export function fileError(error: unknown, path: string, act: FileAct): never {
  if (error instanceof LowbitError) throw error;
  const message = error instanceof Error ? error.message : String(error);
  switch (codes[(error as NodeJS.ErrnoException)?.code ?? '']) {
    case 'file/missing':
      return fail('file/missing', { path }, error);
    case 'file/not-a-file':
      return fail('file/not-a-file', { path }, error);
    case 'file/no-access':
      return fail('file/no-access', { path, act }, error);
    case 'file/disk-full':
      return fail('file/disk-full', { path }, error);
    case 'file/exists':
      return fail('file/exists', { path }, error);
    default:
      return fail('file/failed', { path, act, message }, error);
  }
}
