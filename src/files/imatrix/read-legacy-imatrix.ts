import { fail } from '../../tensor/index.ts';
import type { ByteSource } from '../bytes.ts';
import { type Imatrix, type ImatrixEntry, imatrixEntry } from './imatrix.ts';

/** An entry is three int32, a name of at least one byte and a value. */
const LEAST_ENTRY_BYTES = 17;
const MAX_NAME_BYTES = 2 ** 10;
/** More than any real file has. */
const MAX_ENTRIES = 2 ** 16;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads the legacy format: int32 count of entries; for each its name after its length, the chunks it was computed on,
 * the number of values, the values (mean squares times the chunks); then, in newer files, the chunks of the whole and
 * the dataset's name after its length.
 * @throws imatrix/malformed, imatrix/truncated
 */
export async function readLegacyImatrix(source: ByteSource): Promise<Imatrix> {
  const { name: file, size } = source;
  let at = 0;
  const read = async (length: number, what: string) => {
    if (at + length > size) fail('imatrix/truncated', { file, what, needed: at + length, size });
    at += length;
    return source.read(at - length, length);
  };
  const int32 = async (what: string) => {
    const bytes = await read(4, what);
    return new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true);
  };
  const text = async (least: number, most: number, what: string) => {
    const length = await int32(what);
    if (length < least || length > most) {
      fail('imatrix/malformed', { file, what: `${what} has a length of ${length} bytes` });
    }
    try {
      return utf8.decode(await read(length, what));
    } catch (cause) {
      if (cause instanceof TypeError)
        fail('imatrix/malformed', { file, what: `${what} is not UTF-8` }, cause);
      throw cause;
    }
  };
  const count = await int32('the number of entries');
  if (count < 1 || count > MAX_ENTRIES || count * LEAST_ENTRY_BYTES > size) {
    const what = `it would hold ${count} entries, so it is no importance matrix or not whole`;
    fail('imatrix/malformed', { file, what });
  }
  const entries = new Map<string, ImatrixEntry>();
  for (let i = 0; i < count; i++) {
    const name = await text(1, MAX_NAME_BYTES, `the name of entry ${i}`);
    if (entries.has(name)) fail('imatrix/malformed', { file, what: `'${name}' is there twice` });
    const calls = await int32(`entry '${name}'`);
    const length = await int32(`entry '${name}'`);
    if (calls < 0 || length < 1) {
      fail('imatrix/malformed', { file, what: `'${name}' has ${length} values of ${calls} chunks` });
    }
    const bytes = await read(4 * length, `entry '${name}'`);
    entries.set(name, imatrixEntry(new Float32Array(bytes.slice().buffer), [calls], 'dat'));
  }
  const chunks = at === size ? 0 : await int32('the number of chunks');
  const dataset = at === size ? '' : await text(0, size, 'the name of the dataset');
  if (at !== size) {
    fail('imatrix/malformed', { file, what: `${size - at} bytes after its end mean nothing` });
  }
  return { format: 'dat', entries, datasets: dataset === '' ? [] : [dataset], chunks, chunkSize: 0 };
}
