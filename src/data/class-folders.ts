import { fail } from '../tensor/index.ts';
import type { DataFolder } from './data-folder.ts';
import { indexLines } from './line-index.ts';
import type { ReadRequest } from './readers/reader.ts';
import { cellsOf, columnOf, tableOf } from './readers/tsv.ts';
import type { Rows } from './rows.ts';

/** Files of a folder in order, and the subfolder each lies in. */
export interface FolderSamples {
  readonly paths: readonly string[];
  /** Class folders by name, when every file lies in one. */
  readonly classes: readonly string[] | undefined;
}

/**
 * Files that are one sample each: all below a folder, sorted by path, or those that a table names in its
 * column `key`.
 */
export async function samplesOf(
  { folder, path, spec }: ReadRequest,
  accept: (path: string) => boolean,
): Promise<FolderSamples> {
  const under = path === '.' ? '' : path;
  if (/\.(tsv|csv)$/i.test(path)) return { paths: await listed(folder, path, spec), classes: undefined };
  const entries = (await folder.list(under)).map((e) => e.path).filter(accept);
  const single = entries.length === 0 && accept(path) ? [path] : entries;
  const classOf = (file: string) => file.slice(under === '' ? 0 : under.length + 1).split('/');
  const nested = single.length > 0 && single.every((file) => classOf(file).length > 1);
  const classes = nested ? [...new Set(single.map((file) => classOf(file)[0]!))].sort() : undefined;
  return { paths: single, classes };
}

/** Paths that a table names: then the table gives the order, and its other columns the labels. */
async function listed(folder: DataFolder, path: string, spec: ReadRequest['spec']): Promise<string[]> {
  const table = await tableOf(await indexLines(await folder.open(path)), spec);
  const column = columnOf(table, spec.key ?? 0);
  const paths: string[] = [];
  for (let at = 0; at < table.count; at += 4096) {
    const lines = await table.read(at, Math.min(4096, table.count - at));
    for (const line of lines) paths.push(cellsOf(table, line)[column] ?? '');
  }
  return paths;
}

/** The class number of each file of a folder of class folders. */
export async function folderLabels(request: ReadRequest, accept: (path: string) => boolean): Promise<Rows> {
  const { paths, classes } = await samplesOf(request, accept);
  if (classes === undefined) {
    fail('data/malformed', { file: request.path, what: 'not every file lies in a class folder' });
  }
  const names = request.labelNames ?? classes;
  const depth = request.path === '.' ? 0 : request.path.split('/').length;
  const source = request.path === '.' ? request.folder.name : request.path;
  const number = (path: string) => {
    const name = path.split('/')[depth]!;
    const index = names.indexOf(name);
    if (index < 0) fail('data/class-folder', { folder: name, data: source });
    return index;
  };
  return {
    source,
    count: paths.length,
    dtype: 'int32',
    dims: [],
    names,
    async read(start, count) {
      const data = new Int32Array(count);
      for (let i = 0; i < count; i++) data[i] = number(paths[start + i]!);
      return { data };
    },
  };
}
