import { elementCount, fail, throwIfAborted } from '../../tensor/index.ts';
import type { ByteSink, SinkFolder } from '../bytes.ts';
import { commitTogether } from '../commit-together.ts';
import { storedBytes } from '../stored-size.ts';
import { rowCountOf, type TensorSource } from '../tensor-source.ts';
import { safetensorsTypeOf } from './dtype-names.ts';

export interface WriteSafetensorsOptions {
  /** Read at a time; a longer row is read whole. Default 4 MiB. */
  readonly tileBytes?: number;
  readonly signal?: AbortSignal;
}

/** A tensor with its place in the format's order. */
interface Row {
  readonly tensor: TensorSource;
  readonly name: string;
  readonly rank: number;
  readonly sizeBytes: number;
}

/**
 * Writes tensors tile by tile, with the bytes of the format's reference library: wider types first, then by name.
 * The sink is left open: the caller commits it, or aborts it when this throws.
 * @throws safetensors/not-writable, run/aborted, and what reading and writing throw
 */
export async function writeSafetensors(
  sink: ByteSink,
  tensors: Iterable<TensorSource>,
  metadata: ReadonlyMap<string, string> = new Map(),
  options: WriteSafetensorsOptions = {},
): Promise<void> {
  await writeRows(sink, rowsOf(tensors), metadata, options);
}

export interface WriteShardsOptions extends WriteSafetensorsOptions {
  /** `<stem>.safetensors`, or shards of it and an index. Default 'model'. */
  readonly stem?: string;
  /** Of the tensors of one file. A larger tensor has a file of its own. Default 5 GB. */
  readonly maxShardBytes?: number;
  readonly metadata?: ReadonlyMap<string, string>;
}

/**
 * Writes tensors into a folder: one file if they fit, else shards in the given order and the index that names them,
 * which is committed last.
 * @returns the names of the files
 * @throws safetensors/not-writable, file/*, run/aborted
 */
export async function writeSafetensorsFolder(
  folder: SinkFolder,
  tensors: Iterable<TensorSource>,
  options: WriteShardsOptions = {},
): Promise<string[]> {
  const { stem = 'model', maxShardBytes = 5e9, metadata = new Map() } = options;
  const given = [...tensors];
  const groups = groupsOf(rowsOf(given, false), maxShardBytes);
  const nameOf = (i: number) => fileName(stem, i, groups.length);
  const sinks: ByteSink[] = [];
  try {
    for (const [i, group] of groups.entries()) {
      const sink = await folder.open(nameOf(i));
      sinks.push(sink);
      await writeRows(sink, sorted(group), metadata, options);
    }
    if (groups.length > 1) {
      const sink = await folder.open(`${stem}.safetensors.index.json`);
      sinks.push(sink);
      await sink.write(new TextEncoder().encode(indexText(groups, nameOf)));
    }
    await commitTogether(folder, sinks);
  } catch (error) {
    for (const sink of sinks) await sink.abort();
    throw error;
  }
  return sinks.map(({ name }) => name);
}

/** Bytes of the safetensors files that `writeSafetensorsFolder` makes of these tensors, headers included; none is read. */
export function safetensorsFolderFiles(
  tensors: Iterable<TensorSource>,
  options: WriteShardsOptions = {},
): { readonly name: string; readonly sizeBytes: number }[] {
  const { stem = 'model', maxShardBytes = 5e9, metadata = new Map() } = options;
  const groups = groupsOf(rowsOf(tensors, false), maxShardBytes);
  return groups.map((group, i) => ({
    name: fileName(stem, i, groups.length),
    sizeBytes: group.reduce(
      (sum, row) => sum + row.sizeBytes,
      headerBytes(sorted(group), metadata).byteLength,
    ),
  }));
}

/** 'model.safetensors', or 'model-00001-of-00002.safetensors'. */
function fileName(stem: string, at: number, count: number): string {
  const five = (n: number) => String(n).padStart(5, '0');
  return count === 1 ? `${stem}.safetensors` : `${stem}-${five(at + 1)}-of-${five(count)}.safetensors`;
}

function rowsOf(tensors: Iterable<TensorSource>, sort = true): Row[] {
  const names = new Set<string>();
  const rows: Row[] = [];
  for (const tensor of tensors) {
    const { name, type, shape } = tensor;
    const refuse = (why: string): never => fail('safetensors/not-writable', { tensor: name, why });
    const row = safetensorsTypeOf(type);
    if (row === undefined) return refuse(`it is ${type}, which safetensors does not have`);
    if (name === '__metadata__' || names.has(name)) return refuse('its name is taken');
    names.add(name);
    const sizeBytes = shape.includes(0) ? 0 : storedBytes(type, elementCount(shape));
    if (Number.isNaN(storedBytes(type, shape.at(-1) ?? 1))) {
      return refuse('its rows are no whole number of bytes');
    }
    rows.push({ tensor, ...row, sizeBytes });
  }
  return sort ? sorted(rows) : rows;
}

const sorted = (rows: readonly Row[]): Row[] =>
  rows.toSorted((a, b) => b.rank - a.rank || compareUtf8(a.tensor.name, b.tensor.name));

/** Order of the UTF-8 bytes, which is the order of the code points. */
function compareUtf8(a: string, b: string): number {
  const [x, y] = [a, b].map((text) => new TextEncoder().encode(text)) as [Uint8Array, Uint8Array];
  const at = x.findIndex((byte, i) => byte !== y[i]);
  return at < 0 || at >= y.length ? x.length - y.length : x[at]! - y[at]!;
}

async function writeRows(
  sink: ByteSink,
  rows: readonly Row[],
  metadata: ReadonlyMap<string, string>,
  { tileBytes = 2 ** 22, signal }: WriteSafetensorsOptions,
): Promise<void> {
  await sink.write(headerBytes(rows, metadata));
  for (const { tensor, sizeBytes } of rows) {
    if (sizeBytes === 0) continue;
    const count = rowCountOf(tensor.shape);
    const step = Math.max(1, Math.floor(tileBytes / (sizeBytes / count)));
    for (let from = 0; from < count; from += step) {
      throwIfAborted(signal);
      const to = Math.min(count, from + step);
      const bytes = await tensor.read(from, to);
      const wanted = (to - from) * (sizeBytes / count);
      if (bytes.byteLength !== wanted) {
        const why = `it gave ${bytes.byteLength} bytes for rows ${from} to ${to}, which take ${wanted}`;
        fail('safetensors/not-writable', { tensor: tensor.name, why });
      }
      await sink.write(bytes);
    }
  }
}

/** JSON, padded with spaces to a multiple of 8 bytes, after its length. */
function headerBytes(rows: readonly Row[], metadata: ReadonlyMap<string, string>): Uint8Array {
  const parts: string[] = [];
  if (metadata.size > 0) parts.push(`"__metadata__":${JSON.stringify(Object.fromEntries(metadata))}`);
  let at = 0;
  for (const { tensor, name, sizeBytes } of rows) {
    const entry = { dtype: name, shape: tensor.shape, data_offsets: [at, at + sizeBytes] };
    parts.push(`${JSON.stringify(tensor.name)}:${JSON.stringify(entry)}`);
    at += sizeBytes;
  }
  const json = new TextEncoder().encode(`{${parts.join(',')}}`);
  const length = Math.ceil(json.byteLength / 8) * 8;
  const header = new Uint8Array(8 + length).fill(0x20, 8 + json.byteLength);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(json, 8);
  return header;
}

function groupsOf(rows: readonly Row[], maxBytes: number): Row[][] {
  const groups: Row[][] = [[]];
  let bytes = 0;
  for (const row of rows) {
    if (bytes + row.sizeBytes > maxBytes && groups.at(-1)!.length > 0) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)!.push(row);
    bytes += row.sizeBytes;
  }
  return groups;
}

function indexText(groups: readonly (readonly Row[])[], nameOf: (i: number) => string): string {
  const total = groups.flat().reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const map = groups.flatMap((group, i) => group.map(({ tensor }) => [tensor.name, nameOf(i)] as const));
  map.sort(([a], [b]) => compareUtf8(a, b));
  const index = { metadata: { total_size: total }, weight_map: Object.fromEntries(map) };
  return `${JSON.stringify(index, undefined, 2)}\n`;
}
