import type { ByteSource } from '../../files/index.ts';
import { byteLengthOf, elementCount, fail } from '../../tensor/index.ts';
import { type RowDType, stridedRows } from '../rows.ts';
import type { Reader } from './reader.ts';

const types: Readonly<Record<string, RowDType>> = {
  U8: 'uint8',
  I8: 'int8',
  U16: 'uint16',
  I16: 'int16',
  U32: 'uint32',
  I32: 'int32',
  U64: 'uint64',
  I64: 'int64',
  F16: 'float16',
  BF16: 'bfloat16',
  F32: 'float32',
  F64: 'float64',
  BOOL: 'bool',
};

/** The format's own limit for its JSON header. */
const maxHeaderBytes = 100_000_000;

interface Entry {
  readonly key: string;
  readonly dtype: RowDType | undefined;
  readonly type: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly length: number;
}

/** Header: its length as uint64, then JSON name -> {dtype, shape, data_offsets}. */
async function entriesOf(source: ByteSource): Promise<Entry[]> {
  const file = source.name;
  if (source.size < 8) fail('data/truncated', { file, got: source.size, wanted: 8 });
  const length = Number(new DataView((await source.read(0, 8)).buffer).getBigUint64(0, true));
  if (length > maxHeaderBytes)
    fail('data/too-large', { file, what: 'the header', got: length, limit: maxHeaderBytes });
  if (8 + length > source.size) fail('data/truncated', { file, got: source.size, wanted: 8 + length });
  let header: Record<string, { dtype?: unknown; shape?: unknown; data_offsets?: unknown }>;
  try {
    header = JSON.parse(new TextDecoder().decode(await source.read(8, length)));
  } catch (cause) {
    fail('data/malformed', { file, what: 'its header is no JSON' }, cause);
  }
  const whole = (v: unknown): v is number[] =>
    Array.isArray(v) && v.every((n) => Number.isSafeInteger(n) && n >= 0);
  return Object.entries(header ?? {})
    .filter(([key]) => key !== '__metadata__')
    .map(([key, entry]) => {
      const { dtype: type, shape, data_offsets: range } = entry ?? {};
      if (
        typeof type !== 'string' ||
        !whole(shape) ||
        !whole(range) ||
        range.length !== 2 ||
        range[1]! < range[0]!
      ) {
        fail('data/malformed', { file, what: `the header entry '${key}' is broken` });
      }
      const end = 8 + length + range[1]!;
      if (end > source.size) fail('data/truncated', { file, got: source.size, wanted: end });
      return {
        key,
        dtype: types[type],
        type,
        shape,
        offset: 8 + length + range[0]!,
        length: range[1]! - range[0]!,
      };
    });
}

/** Tensors by name. https://github.com/huggingface/safetensors#format */
export const safetensors: Reader = {
  description: 'tensors by name, samples along the first axis; `key` names the tensor',
  extensions: ['.safetensors'],
  arrays: entriesOf,
  async open({ folder, path, spec }) {
    const source = await folder.open(path);
    const entries = await entriesOf(source);
    const known = entries.map((e) => e.key);
    const entry =
      spec.key === undefined && entries.length === 1
        ? entries[0]
        : entries.find((e) => e.key === String(spec.key));
    if (entry === undefined) {
      if (spec.key === undefined) fail('data/needs', { file: path, what: `"key" (${known.join(', ')})` });
      fail('name/unknown', { what: `tensor of ${path}`, got: String(spec.key), known });
    }
    const { dtype, type, offset, length } = entry;
    if (dtype === undefined)
      fail('data/malformed', { file: path, what: `'${entry.key}' is ${type}, which feeds no model` });
    const [count = 1, ...dims] = entry.shape;
    if (byteLengthOf(dtype, elementCount(entry.shape)) !== length) {
      fail('data/malformed', {
        file: path,
        what: `'${entry.key}' takes ${length} bytes, which its shape does not need`,
      });
    }
    return stridedRows({ source, offset, count, dtype, dims });
  },
};
