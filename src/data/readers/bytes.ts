import { fail } from '../../tensor/index.ts';
import { folderLabels, samplesOf } from '../class-folders.ts';
import type { Rows } from '../rows.ts';
import type { Reader } from './reader.ts';

/** Models that read raw bytes of files: the first `head` and the last `tail` bytes of each. */
export const bytes: Reader = {
  description: 'first and last bytes of every file of a folder; subfolders can be classes',
  extensions: [],
  async open(request): Promise<Rows> {
    const all = () => true;
    if (request.labels === true) return folderLabels(request, all);
    const { folder, path, spec, shape } = request;
    const { paths } = await samplesOf(request, all);
    const tail = spec.tail ?? 0;
    const head = spec.head ?? (shape?.length === 1 ? shape[0]! - tail : undefined);
    if (head === undefined || head + tail < 1) fail('data/needs', { file: path, what: '"head" and "tail"' });
    const width = head + tail;
    const pad = spec.pad ?? 0;
    return {
      source: path === '.' ? folder.name : path,
      count: paths.length,
      dtype: 'int32',
      dims: [width],
      async read(start, count) {
        const data = new Int32Array(count * width).fill(pad);
        for (let i = 0; i < count; i++) {
          const source = await folder.open(paths[start + i]!);
          const first = await source.read(0, Math.min(head, source.size));
          const last = Math.min(tail, source.size);
          data.set(first, i * width);
          data.set(await source.read(source.size - last, last), (i + 1) * width - last);
        }
        return { data };
      },
    };
  },
};
