import type { ByteSource } from '../../files/index.ts';
import { fail } from '../../tensor/index.ts';
import { openZipEntry, readZip } from '../zip.ts';
import { npyRows } from './npy.ts';
import type { Reader } from './reader.ts';

async function arraysOf(source: ByteSource) {
  const entries = await readZip(source);
  return entries.filter((e) => e.path.endsWith('.npy')).map((e) => ({ ...e, key: e.path.slice(0, -4) }));
}

/** NumPy arrays by name, stored or deflated. */
export const npz: Reader = {
  description: 'NumPy arrays by name in a zip; `key` names the array',
  extensions: ['.npz'],
  arrays: arraysOf,
  async open({ folder, path, spec }) {
    const source = await folder.open(path);
    const arrays = await arraysOf(source);
    const entry =
      spec.key === undefined && arrays.length === 1
        ? arrays[0]
        : arrays.find((a) => a.key === String(spec.key));
    if (entry === undefined) {
      if (spec.key === undefined)
        fail('data/needs', { file: path, what: `"key" (${arrays.map((a) => a.key).join(', ')})` });
      fail('name/unknown', {
        what: `array of ${path}`,
        got: String(spec.key),
        known: arrays.map((a) => a.key),
      });
    }
    return npyRows(await openZipEntry(source, entry));
  },
};
