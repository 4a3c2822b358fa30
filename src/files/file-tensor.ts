import { fail } from '../tensor/index.ts';
import type { ByteSource } from './bytes.ts';
import { storedBytes } from './stored-size.ts';
import { rowCountOf, rowLengthOf, type StoredType, type TensorSource } from './tensor-source.ts';

/** A tensor and where its bytes lie. */
export interface FileTensorSpec {
  readonly name: string;
  /** Outermost axis first. */
  readonly shape: readonly number[];
  readonly type: StoredType;
  readonly source: ByteSource;
  /** Of the first byte, in the source. */
  readonly offset: number;
}

/** A tensor that lies in a file as one run of bytes, row after row. Its rows are whole bytes. */
export function fileTensor({ name, shape, type, source, offset }: FileTensorSpec): TensorSource {
  const rowBytes = storedBytes(type, rowLengthOf(shape));
  const rows = rowCountOf(shape);
  const check = (from: number, to: number) => {
    const whole = Number.isSafeInteger(from) && Number.isSafeInteger(to);
    if (!whole || from < 0 || to < from || to > rows) fail('tensor/rows', { tensor: name, from, to, rows });
  };
  return {
    name,
    shape,
    type,
    async read(from, to) {
      check(from, to);
      return source.read(offset + from * rowBytes, (to - from) * rowBytes);
    },
    pieces(from, to) {
      check(from, to);
      return [{ source, offset: offset + from * rowBytes, length: (to - from) * rowBytes }];
    },
  };
}
