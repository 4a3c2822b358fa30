import { elementCount, fail } from '../../tensor/index.ts';
import { openMaybeGzip } from '../inflate.ts';
import { type RowDType, stridedRows } from '../rows.ts';
import type { Reader } from './reader.ts';

/** IDX: 0, 0, element type, number of axes, then each axis as a big-endian uint32. Data is big-endian. */
const types: Readonly<Record<number, RowDType>> = {
  8: 'uint8',
  9: 'int8',
  11: 'int16',
  12: 'int32',
  13: 'float32',
  14: 'float64',
};

/** The format of MNIST and its relatives. http://yann.lecun.com/exdb/mnist */
export const idx: Reader = {
  description: 'IDX of MNIST and its relatives, plain or .gz',
  extensions: ['-ubyte', '-ubyte.gz', '.idx', '.idx.gz'],
  async open({ folder, path }) {
    const source = await openMaybeGzip(await folder.open(path));
    const magic = await source.read(0, Math.min(4, source.size));
    const dtype = types[magic[2] ?? 0];
    const rank = magic[3] ?? 0;
    if (magic[0] !== 0 || magic[1] !== 0 || dtype === undefined || rank < 1 || rank > 8) {
      fail('data/malformed', { file: path, what: `no IDX header (starts with ${[...magic].join(' ')})` });
    }
    const offset = 4 + 4 * rank;
    const view = new DataView((await source.read(4, 4 * rank)).buffer);
    const [count, ...dims] = Array.from({ length: rank }, (_, i) => view.getUint32(4 * i));
    if (elementCount(dims) === 0) fail('data/malformed', { file: path, what: 'an axis of length 0' });
    return stridedRows({
      source,
      offset,
      count: count!,
      dtype,
      dims,
      bigEndian: dtype !== 'uint8' && dtype !== 'int8',
    });
  },
};
