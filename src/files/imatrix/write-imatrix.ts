import type { ByteSink } from '../bytes.ts';
import type { Metadata } from '../gguf/gguf.ts';
import { HeaderWriter } from '../gguf/header-writer.ts';
import { writeGguf } from '../gguf/write-gguf.ts';
import { memoryTensor } from '../memory-tensor.ts';
import type { Imatrix, ImatrixEntry, ImatrixFormat } from './imatrix.ts';

/** Tokens of a chunk where nobody said otherwise: llama-imatrix's default context. */
const DEFAULT_CHUNK_SIZE = 512;

/**
 * Writes an importance matrix as llama-imatrix does, entries by name. The sink is left open: the caller commits it.
 * What was read from the other format is converted as llama-imatrix does when it merges files.
 */
export async function writeImatrix(sink: ByteSink, imatrix: Imatrix, format: ImatrixFormat): Promise<void> {
  const chunkSize = imatrix.chunkSize || DEFAULT_CHUNK_SIZE;
  const entries = [...imatrix.entries].sort(([a], [b]) => (a < b ? -1 : 1));
  if (format === 'gguf') {
    const raw = entries.map(([name, entry]): Raw => ({ name, ...rawEntry(imatrix, entry, chunkSize) }));
    await writeRaw(sink, imatrix, raw, chunkSize);
  } else {
    await sink.write(legacyBytes(imatrix, entries, chunkSize));
  }
}

interface Raw {
  readonly name: string;
  readonly sums: Float32Array;
  readonly counts: readonly number[];
}

/** Sums over tokens; legacy ones are per chunk. */
function rawEntry({ format }: Imatrix, { sums, counts }: ImatrixEntry, chunkSize: number) {
  if (format === 'gguf') return { sums, counts };
  return { sums: sums.map((sum) => sum * chunkSize), counts: counts.map((count) => count * chunkSize) };
}

async function writeRaw(sink: ByteSink, imatrix: Imatrix, entries: readonly Raw[], chunkSize: number) {
  const metadata: Metadata = new Map([
    ['general.type', { type: 'string', value: 'imatrix' }],
    ['imatrix.datasets', { type: 'array', of: 'string', value: imatrix.datasets }],
    ['imatrix.chunk_count', { type: 'uint32', value: imatrix.chunks }],
    ['imatrix.chunk_size', { type: 'uint32', value: chunkSize }],
  ]);
  const tensors = entries.flatMap(({ name, sums, counts }) => {
    const matrices = counts.length;
    // ggml writes no leading axes of 1.
    const shape = (length: number) => (matrices === 1 ? [length] : [matrices, length]);
    return [
      memoryTensor(`${name}.in_sum2`, shape(sums.length / matrices), 'float32', bytesOf(sums)),
      memoryTensor(`${name}.counts`, shape(1), 'float32', bytesOf(Float32Array.from(counts))),
    ];
  });
  await writeGguf(sink, { metadata, tensors });
}

const bytesOf = (values: Float32Array) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

function legacyBytes(
  imatrix: Imatrix,
  entries: readonly (readonly [string, ImatrixEntry])[],
  chunkSize: number,
): Uint8Array {
  const { datasets, chunks } = imatrix;
  const kept = entries.filter(([, { counts }]) => imatrix.format === 'dat' || counts.some((c) => c > 0));
  const writer = new HeaderWriter();
  const text = (value: string) => {
    const bytes = new TextEncoder().encode(value);
    writer.int32(bytes.byteLength);
    writer.bytes(bytes);
  };
  writer.int32(kept.length);
  for (const [name, entry] of kept) {
    const calls =
      imatrix.format === 'dat'
        ? entry.counts[0]!
        : Math.ceil(entry.counts.reduce((a, b) => Math.max(a, b)) / chunkSize);
    text(name);
    writer.int32(calls);
    writer.int32(entry.sums.length);
    const values = imatrix.format === 'dat' ? entry.sums : entry.values.map((v) => v * Math.fround(calls));
    writer.bytes(bytesOf(values));
  }
  writer.int32(chunks);
  text(datasets.at(-1) ?? '');
  return writer.finish();
}
