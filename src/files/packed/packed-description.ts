import { fail } from '../../tensor/index.ts';
import { duplicateKey } from '../duplicate-key.ts';

/** The key of a safetensors file's metadata under which the files that it holds are described. */
export const PACKED_KEY = 'lowbit.files';
/** Files of a later version are refused. */
export const PACKED_VERSION = 1;
/** Bytes that one checksum is of, where they are stored as they are. */
export const CHECKED_BYTES = 2 ** 20;

/** A run of bytes of a packed file that is a tensor of its own. */
export interface PackedPart {
  /** The tensor of the container that holds it. */
  readonly tensor: string;
  readonly offset: number;
  readonly length: number;
  /** Bytes of one element where the tensor is an entropy-coded stream of them; absent where it is the bytes. */
  readonly coded?: 1 | 2 | 4 | 8;
  /** CRC-32 of every `CHECKED_BYTES` of the bytes; absent where they are a stream, which has its own. */
  readonly crc32?: readonly number[];
  /** For reports: element type and shape, and the entropy of the elements in bits, which no static table beats. */
  readonly dtype?: string;
  readonly dims?: readonly number[];
  readonly entropy?: number;
}

/** A file inside a container: its parts in order; what lies between them is one more tensor. */
export interface PackedFile {
  readonly name: string;
  readonly sizeBytes: number;
  readonly rest: { readonly tensor: string; readonly coded?: 1; readonly crc32?: readonly number[] };
  readonly parts: readonly PackedPart[];
}

/** The text under the key. The first file is the model; the others are its external data. */
export interface PackedDescription {
  readonly version: typeof PACKED_VERSION;
  readonly files: readonly PackedFile[];
}

/**
 * Reads what a container holds.
 * @throws packed/malformed, packed/version
 */
export function readPackedDescription(text: string, file: string): PackedFile[] {
  const refuse = (what: string, cause?: unknown): never => fail('packed/malformed', { file, what }, cause);
  let description: unknown;
  try {
    description = JSON.parse(text);
  } catch (cause) {
    return refuse(`'${PACKED_KEY}' of its metadata is no JSON`, cause);
  }
  const twice = duplicateKey(text);
  if (twice !== undefined) return refuse(`'${twice}' stands twice in its description`);
  if (!isRecord(description)) return refuse('its description is no object');
  if (description.version !== PACKED_VERSION)
    fail('packed/version', { file, got: String(description.version), known: PACKED_VERSION });
  const { files } = description;
  if (!Array.isArray(files) || files.length === 0) return refuse('it names no file');
  const read = files.map((one) => readFile(one, refuse));
  const names = new Set(read.map(({ name }) => name));
  if (names.size < read.length) return refuse('two of its files have one name');
  return read;
}

function readFile(given: unknown, refuse: (what: string) => never): PackedFile {
  if (!isRecord(given) || typeof given.name !== 'string') return refuse('a file has no name');
  const { name, sizeBytes, rest, parts } = given;
  if (!isSize(sizeBytes)) return refuse(`the size of '${name}' is ${String(sizeBytes)}`);
  if (!isRecord(rest) || typeof rest.tensor !== 'string' || (rest.coded !== undefined && rest.coded !== 1))
    return refuse(`it does not say where the bytes between the tensors of '${name}' are`);
  if (!Array.isArray(parts)) return refuse(`the tensors of '${name}' are not listed`);
  let end = 0;
  for (const [i, part] of parts.entries()) {
    const known =
      isRecord(part) && typeof part.tensor === 'string' && isSize(part.offset) && isSize(part.length);
    if (!known || ![undefined, 1, 2, 4, 8].includes(part.coded as number))
      return refuse(`tensor ${i} of '${name}' is not described`);
    const { dtype = '', dims = [], entropy = 0 } = part as unknown as PackedPart;
    if (typeof dtype !== 'string' || !Array.isArray(dims) || !dims.every(isSize) || !Number.isFinite(entropy))
      return refuse(`tensor ${i} of '${name}' is not described`);
    const { offset, length, coded = 1 } = part as unknown as PackedPart;
    if (offset < end || offset + length > sizeBytes || length % coded !== 0)
      return refuse(
        `tensor ${i} of '${name}' is said to be bytes ${offset} to ${offset + length} of ${sizeBytes}`,
      );
    if (!isChecked(part as unknown as PackedPart, length))
      return refuse(`the checksums of tensor ${i} of '${name}' are not given`);
    end = offset + length;
  }
  const partBytes = (parts as PackedPart[]).reduce((sum, { length }) => sum + length, 0);
  if (!isChecked(rest as unknown as PackedFile['rest'], sizeBytes - partBytes))
    return refuse(`the checksums of the bytes between the tensors of '${name}' are not given`);
  return { name, sizeBytes, rest: rest as PackedFile['rest'], parts: parts as PackedPart[] };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whether every piece of bytes that are no stream has a checksum. */
const isChecked = ({ coded, crc32 }: Pick<PackedPart, 'coded' | 'crc32'>, length: number): boolean =>
  coded !== undefined
    ? crc32 === undefined
    : Array.isArray(crc32) && crc32.every(isSize) && crc32.length === Math.ceil(length / CHECKED_BYTES);

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
