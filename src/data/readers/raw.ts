import { byteLengthOf, elementCount, fail } from '../../tensor/index.ts';
import { type RowDType, stridedRows } from '../rows.ts';
import type { Reader } from './reader.ts';

const byExtension: Readonly<Record<string, RowDType>> = {
  '.u8': 'uint8',
  '.i8': 'int8',
  '.u16': 'uint16',
  '.i16': 'int16',
  '.i32': 'int32',
  '.i64': 'int64',
  '.f16': 'float16',
  '.f32': 'float32',
  '.f64': 'float64',
};

/** The element type that a file name tells: images.u8, features.f32. */
export function dtypeOfName(path: string): RowDType | undefined {
  return byExtension[/\.[a-z0-9]+$/i.exec(path)?.[0].toLowerCase() ?? ''];
}

/** Little-endian elements end to end, no header. */
export const raw: Reader = {
  description: 'elements end to end, no header; dtype by extension or spec',
  extensions: [...Object.keys(byExtension), '.bin', '.raw'],
  guess({ path, picture, note }) {
    if (dtypeOfName(path) !== 'uint8' || !picture?.channelsFirst || picture.channels === 1) return {};
    note(`pixels of ${path} are taken as stored [height, width, channel]`);
    return { layout: 'NHWC' };
  },
  async open({ folder, path, spec, shape }) {
    const source = await folder.open(path);
    const dtype = spec.dtype ?? dtypeOfName(path);
    if (dtype === undefined) fail('data/needs', { file: path, what: `"dtype" (uint8, float32, ...)` });
    const dims = spec.shape ?? shape;
    if (dims === undefined) fail('data/needs', { file: path, what: '"shape": the shape of one sample' });
    const rowBytes = byteLengthOf(dtype, elementCount(dims));
    const count = Math.floor(source.size / rowBytes);
    if (count * rowBytes !== source.size) {
      fail('data/not-whole', {
        file: path,
        sizeBytes: source.size,
        rowBytes,
        row: `${dtype} [${dims.join(', ')}]`,
      });
    }
    return stridedRows({ source, offset: 0, count, dtype, dims });
  },
};
