import { elementCount, fail } from '../../tensor/index.ts';
import type { ByteSource } from '../bytes.ts';
import { duplicateKey } from '../duplicate-key.ts';
import { fileTensor } from '../file-tensor.ts';
import { storedBlock, storedBytes } from '../stored-size.ts';
import type { TensorSource } from '../tensor-source.ts';
import { knownSafetensorsTypes, safetensorsTypes } from './dtype-names.ts';

/** The format's own limit for its JSON header. */
export const MAX_HEADER_BYTES = 100_000_000;
/** As for GGUF: more than any real file has. */
const MAX_TENSORS = 2 ** 18;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The content of one file's header. */
export interface SafetensorsHeader {
  /** In the order of their data. */
  readonly tensors: ReadonlyMap<string, TensorSource>;
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Reads a header: its length as a uint64, then JSON name -> { dtype, shape, data_offsets }. The data must follow one
 * another without holes and end with the file, as the format's reference library demands.
 * @throws safetensors/not-safetensors, safetensors/pickle, safetensors/truncated, safetensors/too-large,
 *   safetensors/malformed, safetensors/tensor, safetensors/dtype
 */
export async function readSafetensorsHeader(source: ByteSource): Promise<SafetensorsHeader> {
  const { name: file } = source;
  const length = await headerLength(source);
  const header = parseHeader(file, await source.read(8, length));
  const entries = Object.entries(header).filter(([name]) => name !== '__metadata__');
  if (entries.length > MAX_TENSORS) {
    const what = 'the number of tensors';
    fail('safetensors/too-large', { file, what, got: entries.length, limit: MAX_TENSORS });
  }
  const declared = entries.map(([name, entry]) => readEntry(file, name, entry));
  declared.sort((a, b) => a.start - b.start || a.end - b.end);
  checkCoverage(source, declared, 8 + length);
  const tensors = declared.map(({ name, shape, type, start }): [string, TensorSource] => {
    return [name, fileTensor({ name, shape, type, source, offset: 8 + length + start })];
  });
  return { tensors: new Map(tensors), metadata: readMetadata(file, header) };
}

/** Checks what the first bytes are, and gives the length of the JSON. */
async function headerLength(source: ByteSource): Promise<number> {
  const { name: file, size } = source;
  const first = await source.read(0, Math.min(size, 9));
  const view = new DataView(first.buffer, first.byteOffset, first.byteLength);
  const length = size < 8 ? Number.NaN : Number(view.getBigUint64(0, true));
  const plausible = length <= MAX_HEADER_BYTES && (size === 8 || first[8] === 0x7b);
  if (!plausible) {
    const text = String.fromCharCode(...first);
    // A zip archive, or a pickle of protocol 2 to 5.
    const pickle = first[0] === 0x80 && first[1]! >= 2 && first[1]! <= 5;
    if (pickle || text.startsWith('PK')) fail('safetensors/pickle', { file });
    const other = others.find(([pattern]) => pattern.test(text))?.[1];
    if (other !== undefined) fail('safetensors/not-safetensors', { file, why: other });
    if (length > MAX_HEADER_BYTES && first[8] === 0x7b) {
      fail('safetensors/too-large', {
        file,
        what: 'the length of the header',
        got: length,
        limit: MAX_HEADER_BYTES,
      });
    }
    fail('safetensors/not-safetensors', { file, why: 'no JSON header starts at byte 8' });
  }
  if (8 + length > size) {
    fail('safetensors/truncated', { file, what: 'the header', needed: 8 + length, size });
  }
  return length;
}

const others: readonly (readonly [RegExp, string])[] = [
  [/^$/, 'it is empty'],
  [/^GGUF/, 'it is a GGUF file'],
  [/^version /, 'it is a Git LFS pointer: fetch the file itself'],
  [/^\s*</, 'it is a web page or XML'],
  [/^\s*[{[]/, 'it is JSON'],
  [/^\x89HDF/, 'it is an HDF5 file'],
];

function parseHeader(file: string, bytes: Uint8Array): Record<string, unknown> {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch (cause) {
    fail('safetensors/malformed', { file, what: 'its header is not UTF-8' }, cause);
  }
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(text);
  } catch (cause) {
    fail('safetensors/malformed', { file, what: 'its header is not JSON' }, cause);
  }
  const twice = duplicateKey(text);
  if (twice !== undefined) fail('safetensors/malformed', { file, what: `its header has '${twice}' twice` });
  return header;
}

function readMetadata(file: string, header: Record<string, unknown>): Map<string, string> {
  if (!Object.hasOwn(header, '__metadata__')) return new Map();
  const given = header.__metadata__;
  const entries = isRecord(given) ? Object.entries(given) : undefined;
  if (entries === undefined || entries.some(([, value]) => typeof value !== 'string')) {
    fail('safetensors/malformed', { file, what: 'its __metadata__ are not names with texts' });
  }
  return new Map(entries as [string, string][]);
}

interface Declared {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: TensorSource['type'];
  /** From the start of the data. */
  readonly start: number;
  readonly end: number;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const sizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);

function readEntry(file: string, name: string, entry: unknown): Declared {
  const wrong = (what: string): never => fail('safetensors/tensor', { file, tensor: name, what });
  if (!isRecord(entry)) return wrong('is not described by an object');
  const { dtype, shape, data_offsets: range } = entry;
  if (typeof dtype !== 'string') return wrong('has no dtype');
  if (!sizes(shape)) return wrong('has no shape of whole numbers');
  if (!sizes(range) || range.length !== 2) return wrong('has no data_offsets of two whole numbers');
  const [start, end] = range as [number, number];
  const type = Object.hasOwn(safetensorsTypes, dtype)
    ? safetensorsTypes[dtype as keyof typeof safetensorsTypes]
    : undefined;
  if (type === undefined) {
    fail('safetensors/dtype', { file, tensor: name, got: dtype, known: knownSafetensorsTypes });
  }
  const dims = `[${shape.join(', ')}]`;
  const count = elementCount(shape);
  if (!shape.includes(0) && !Number.isSafeInteger(count * storedBlock(type).sizeBytes)) {
    return wrong(`has the shape ${dims}: no file holds that many values`);
  }
  const rowBytes = storedBytes(type, shape.at(-1) ?? 1);
  if (Number.isNaN(rowBytes))
    return wrong(`has rows of ${shape.at(-1) ?? 1} ${dtype}, no whole number of bytes`);
  const wanted = shape.includes(0) ? 0 : storedBytes(type, count);
  if (end - start !== wanted) {
    return wrong(`is ${dtype} ${dims} and takes ${wanted} bytes, but has the bytes ${start} to ${end}`);
  }
  return { name, shape, type, start, end };
}

/** Every byte of the data belongs to one tensor. */
function checkCoverage(source: ByteSource, declared: readonly Declared[], dataStart: number): void {
  const { name: file, size } = source;
  let at = 0;
  for (const { name, start, end } of declared) {
    if (start !== at) {
      const what =
        start < at
          ? `starts at byte ${start} of the data, inside another tensor, which ends at ${at}`
          : `starts at byte ${start} of the data, but the tensor before ends at ${at}: the bytes between belong to none`;
      fail('safetensors/tensor', { file, tensor: name, what });
    }
    at = end;
    if (dataStart + end > size) {
      fail('safetensors/truncated', { file, what: `tensor '${name}'`, needed: dataStart + end, size });
    }
  }
  if (dataStart + at !== size) {
    const what = `${size - dataStart - at} bytes after the last tensor belong to none`;
    fail('safetensors/malformed', { file, what });
  }
}
