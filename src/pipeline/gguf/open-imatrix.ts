import { openFile, openUrl, readImatrix } from '../../files/index.ts';
import type { GivenImatrix } from './output-metadata.ts';

/** Reads an importance matrix by path or URL. */
export async function openImatrix(path: string): Promise<GivenImatrix> {
  const { source } = await (/^https?:/.test(path) ? openUrl(path) : openFile(path));
  try {
    return { path, imatrix: await readImatrix(source) };
  } finally {
    await source.close?.();
  }
}
