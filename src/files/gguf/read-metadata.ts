import { fail } from '../../tensor/index.ts';
import {
  type Metadata,
  type MetadataArray,
  type MetadataType,
  type MetadataValue,
  metadataTypes,
} from './gguf.ts';
import type { HeaderReader } from './header-reader.ts';

/** More than any real file has; with the size of the header they bound what a file can make us hold. */
const MAX_KEYS = 2 ** 16;
const MAX_KEY_BYTES = 2 ** 16 - 1;
/** Strings, booleans and inner arrays of the whole header: each costs more in memory than in the file. */
const MAX_LIST_ITEMS = 2 ** 23;
const MAX_INNER_ARRAYS = 2 ** 16;
const MAX_DEPTH = 4;

const typeNames = new Map<number, MetadataType>(
  Object.entries(metadataTypes).map(([name, id]) => [id, name as MetadataType]),
);

/** The fewest bytes that a value takes. */
const leastBytes: Readonly<Record<MetadataType, number>> = {
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  float32: 4,
  bool: 1,
  string: 8,
  array: 12,
  uint64: 8,
  int64: 8,
  float64: 8,
};

const numberArrays = {
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  float32: Float32Array,
  uint64: BigUint64Array,
  int64: BigInt64Array,
  float64: Float64Array,
} as const;

/** What is left to spend on values that are larger in memory than in the file. */
interface Budget {
  items: number;
  arrays: number;
}

/**
 * Reads `count` key-value pairs.
 * @throws gguf/truncated, gguf/too-large, gguf/malformed
 */
export async function readMetadata(reader: HeaderReader, count: number): Promise<Metadata> {
  const { file } = reader;
  if (count > MAX_KEYS)
    fail('gguf/too-large', { file, what: 'the number of keys', got: count, limit: MAX_KEYS });
  const metadata = new Map<string, MetadataValue>();
  const budget: Budget = { items: MAX_LIST_ITEMS, arrays: MAX_INNER_ARRAYS };
  for (let i = 0; i < count; i++) {
    const offset = reader.position;
    const key = await readName(reader, `key ${i}`);
    if (key === '') fail('gguf/malformed', { file, offset, what: `key ${i} is empty` });
    if (metadata.has(key)) fail('gguf/malformed', { file, offset, what: `key '${key}' is there twice` });
    const where = `key '${key}'`;
    const type = await readType(reader, where);
    metadata.set(key, await readValue(reader, type, where, budget, 0));
  }
  return metadata;
}

/** The name of a key or a tensor. */
export async function readName(reader: HeaderReader, what: string): Promise<string> {
  const { file, position: offset } = reader;
  await reader.want(8, what);
  const length = reader.size();
  if (length > MAX_KEY_BYTES) {
    fail('gguf/too-large', {
      file,
      what: `the length of the name of ${what}`,
      got: length,
      limit: MAX_KEY_BYTES,
    });
  }
  await reader.want(length, what);
  const name = reader.text(length, what);
  if (name.includes('\0')) fail('gguf/malformed', { file, offset, what: `${what} holds a zero byte` });
  return name;
}

async function readType(reader: HeaderReader, where: string): Promise<MetadataType> {
  await reader.want(4, where);
  const { file, position: offset } = reader;
  const id = reader.uint32();
  const type = typeNames.get(id);
  if (type === undefined) {
    const what = `${where} has a value of type ${id}, but GGUF knows 0 to 12`;
    fail('gguf/malformed', { file, offset, what });
  }
  return type;
}

async function readValue(
  reader: HeaderReader,
  type: MetadataType,
  where: string,
  budget: Budget,
  depth: number,
): Promise<MetadataValue> {
  if (type === 'array') return readArray(reader, where, budget, depth);
  if (type === 'string') return { type, value: await readString(reader, where) };
  await reader.want(leastBytes[type], where);
  if (type === 'bool') return { type, value: readBool(reader, where) };
  return { type, value: reader[type]() } as MetadataValue;
}

async function readString(reader: HeaderReader, where: string): Promise<string> {
  await reader.want(8, where);
  const length = reader.size();
  await reader.want(length, `the text of ${where}`);
  return reader.text(length, where);
}

function readBool(reader: HeaderReader, where: string): boolean {
  const { file, position: offset } = reader;
  const byte = reader.uint8();
  if (byte > 1) fail('gguf/malformed', { file, offset, what: `${where} is a boolean of ${byte}` });
  return byte === 1;
}

async function readArray(
  reader: HeaderReader,
  where: string,
  budget: Budget,
  depth: number,
): Promise<MetadataValue> {
  const { file } = reader;
  const of = await readType(reader, where);
  await reader.want(8, where);
  const count = reader.size();
  const needed = count * leastBytes[of];
  if (needed > reader.remaining) {
    const size = reader.position + reader.remaining;
    const what = `the array of ${count} values of ${where}`;
    fail('gguf/truncated', { file, what, needed: reader.position + needed, size });
  }
  return { type: 'array', of, value: await readItems(reader, of, count, where, budget, depth) };
}

async function readItems(
  reader: HeaderReader,
  of: MetadataType,
  count: number,
  where: string,
  budget: Budget,
  depth: number,
): Promise<MetadataArray> {
  if (of !== 'string' && of !== 'bool' && of !== 'array') {
    const length = count * leastBytes[of];
    await reader.want(length, where);
    return new numberArrays[of](reader.take(length).buffer);
  }
  spend(reader, budget, of, count, depth);
  if (of === 'string') {
    const strings: string[] = [];
    for (let i = 0; i < count; i++) {
      strings.push(reader.readyText(where) ?? (await readString(reader, where)));
    }
    return strings;
  }
  if (of === 'bool') {
    await reader.want(count, where);
    return Array.from({ length: count }, () => readBool(reader, where));
  }
  const arrays: MetadataValue[] = [];
  for (let i = 0; i < count; i++) arrays.push(await readArray(reader, where, budget, depth + 1));
  return arrays;
}

function spend(
  { file }: HeaderReader,
  budget: Budget,
  of: 'string' | 'bool' | 'array',
  count: number,
  depth: number,
): void {
  budget.items -= count;
  if (budget.items < 0) {
    const what = 'the number of strings, booleans and inner arrays';
    fail('gguf/too-large', { file, what, got: MAX_LIST_ITEMS - budget.items, limit: MAX_LIST_ITEMS });
  }
  if (of !== 'array') return;
  budget.arrays -= count;
  if (budget.arrays < 0) {
    const got = MAX_INNER_ARRAYS - budget.arrays;
    fail('gguf/too-large', { file, what: 'the number of inner arrays', got, limit: MAX_INNER_ARRAYS });
  }
  if (depth + 1 >= MAX_DEPTH) {
    fail('gguf/too-large', { file, what: 'the depth of arrays', got: depth + 2, limit: MAX_DEPTH });
  }
}
