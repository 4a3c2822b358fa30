import type { ByteSource } from '../../files/index.ts';
import { byteLengthOf, elementCount, fail } from '../../tensor/index.ts';
import { type RowDType, type Rows, stridedRows } from '../rows.ts';
import type { Reader } from './reader.ts';

/** Kind and size of NumPy's `descr`, without the byte order. */
const types: Readonly<Record<string, RowDType>> = {
  u1: 'uint8',
  i1: 'int8',
  u2: 'uint16',
  i2: 'int16',
  u4: 'uint32',
  i4: 'int32',
  u8: 'uint64',
  i8: 'int64',
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
  b1: 'bool',
};

/** Real headers take 128 bytes; structured types with many fields, which are refused anyway, take more. */
const maxHeaderBytes = 65536;
const maxRank = 32;

/**
 * The array of an .npy file: samples along its first axis.
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
export async function npyRows(source: ByteSource): Promise<Rows> {
  const file = source.name;
  const start = await source.read(0, Math.min(12, source.size));
  if (String.fromCharCode(...start.subarray(0, 6)) !== '\x93NUMPY' || start.length < 12) {
    fail('data/malformed', { file, what: 'it does not start with the NumPy signature' });
  }
  const view = new DataView(start.buffer);
  const [lengthAt, length] = start[6] === 1 ? [10, view.getUint16(8, true)] : [12, view.getUint32(8, true)];
  if (length > maxHeaderBytes) {
    fail('data/too-large', { file, what: 'the NumPy header', got: length, limit: maxHeaderBytes });
  }
  const offset = lengthAt + length;
  if (offset > source.size) fail('data/truncated', { file, got: source.size, wanted: offset });
  const header = new TextDecoder('latin1').decode(await source.read(lengthAt, length));
  const descr = /'descr':\s*'([<>|=])([a-zA-Z]\d+)'/.exec(header);
  const shape = /'shape':\s*\(([\d,\s]*)\)/.exec(header);
  const dtype = types[descr?.[2] ?? ''];
  if (descr === null || shape === null || dtype === undefined) {
    fail('data/malformed', {
      file,
      what: `the NumPy header is ${header.trim()}; wanted a plain number type`,
    });
  }
  const all = shape[1]!
    .split(',')
    .map((s) => s.trim())
    .filter((s) => s !== '')
    .map(Number);
  if (all.length > maxRank)
    fail('data/too-large', { file, what: 'the number of axes', got: all.length, limit: maxRank });
  if (/'fortran_order':\s*True/.test(header) && all.length > 1) {
    fail('data/malformed', { file, what: 'it is in Fortran order; save numpy.ascontiguousarray(array)' });
  }
  const wanted = offset + byteLengthOf(dtype, elementCount(all));
  if (!(wanted <= source.size)) fail('data/truncated', { file, got: source.size, wanted });
  const [count = 1, ...dims] = all;
  return stridedRows({ source, offset, count, dtype, dims, bigEndian: descr[1] === '>' });
}

export const npy: Reader = {
  description: 'NumPy array, samples along the first axis',
  extensions: ['.npy'],
  open: async ({ folder, path }) => npyRows(await folder.open(path)),
};
