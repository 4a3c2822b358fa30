import { fail } from '../../tensor/index.ts';
import type { ByteSource } from '../bytes.ts';
import type { GgufModel, MetadataValue } from '../gguf/gguf.ts';
import { openGguf } from '../gguf/open-gguf.ts';
import { rowCountOf, type TensorSource } from '../tensor-source.ts';
import { type Imatrix, type ImatrixEntry, imatrixEntry } from './imatrix.ts';
import { readLegacyImatrix } from './read-legacy-imatrix.ts';

const SUMS = '.in_sum2';
const COUNTS = '.counts';

/**
 * Reads an importance matrix in either format of llama.cpp. It is small and held whole.
 * @throws imatrix/malformed, imatrix/not-finite, imatrix/truncated, and for a GGUF file what `openGguf` throws
 */
export async function readImatrix(source: ByteSource): Promise<Imatrix> {
  const magic = await source.read(0, Math.min(4, source.size));
  const imatrix =
    String.fromCharCode(...magic) === 'GGUF'
      ? await readGgufImatrix(source.name, await openGguf(source))
      : await readLegacyImatrix(source);
  for (const [tensor, { sums }] of imatrix.entries) checkValues(source.name, tensor, sums);
  return imatrix;
}

function checkValues(file: string, tensor: string, sums: Float32Array): void {
  const index = sums.findIndex((value) => !(Number.isFinite(value) && value >= 0));
  if (index >= 0) fail('imatrix/not-finite', { file, tensor, index, value: String(sums[index]) });
}

async function readGgufImatrix(file: string, { metadata, tensors }: GgufModel): Promise<Imatrix> {
  const datasets = metadata.get('imatrix.datasets');
  if (datasets === undefined || datasets.type !== 'array' || datasets.of !== 'string') {
    const what = 'it is a GGUF file without imatrix.datasets, so no importance matrix';
    fail('imatrix/malformed', { file, what });
  }
  const entries = new Map<string, ImatrixEntry>();
  for (const [name, { sums, counts }] of pairs(file, tensors)) {
    entries.set(name, await readEntry(file, name, sums, counts));
  }
  if (entries.size === 0) fail('imatrix/malformed', { file, what: 'it holds no tensor' });
  return {
    format: 'gguf',
    entries,
    datasets: datasets.value as readonly string[],
    chunks: count(file, metadata.get('imatrix.chunk_count'), 'imatrix.chunk_count'),
    chunkSize: count(file, metadata.get('imatrix.chunk_size'), 'imatrix.chunk_size'),
  };
}

function count(file: string, entry: MetadataValue | undefined, key: string): number {
  if (entry?.type !== 'uint32') fail('imatrix/malformed', { file, what: `it has no ${key} (a uint32)` });
  return entry.value;
}

/** The two tensors of each name, by name as llama.cpp keeps them. */
function pairs(
  file: string,
  tensors: readonly TensorSource[],
): Map<string, { readonly sums: TensorSource; readonly counts: TensorSource }> {
  const find = (suffix: string) =>
    new Map(tensors.filter((t) => t.name.endsWith(suffix)).map((t) => [t.name.slice(0, -suffix.length), t]));
  const sums = find(SUMS);
  const counts = find(COUNTS);
  const found = new Map<string, { readonly sums: TensorSource; readonly counts: TensorSource }>();
  for (const name of new Set([...sums.keys(), ...counts.keys()])) {
    const pair = { sums: sums.get(name), counts: counts.get(name) };
    if (pair.sums === undefined || pair.counts === undefined) {
      const missing = pair.sums === undefined ? SUMS : COUNTS;
      fail('imatrix/malformed', { file, what: `'${name}' has no ${missing}` });
    }
    found.set(name, { sums: pair.sums, counts: pair.counts });
  }
  return found;
}

async function readEntry(
  file: string,
  name: string,
  sums: TensorSource,
  counts: TensorSource,
): Promise<ImatrixEntry> {
  for (const { name: tensor, type } of [sums, counts]) {
    if (type !== 'float32') fail('imatrix/malformed', { file, what: `'${tensor}' is ${type}, not float32` });
  }
  const seen = await floats(counts);
  const values = await floats(sums);
  if (values.length % seen.length !== 0) {
    const what = `'${name}' has ${values.length} sums for ${seen.length} counts`;
    fail('imatrix/malformed', { file, what });
  }
  const whole = Array.from(seen, (value) => Math.sign(value) * Math.floor(Math.abs(value) + 0.5));
  const wrong = whole.findIndex((value) => !(value >= 0 && value < 2 ** 63));
  if (wrong >= 0) {
    fail('imatrix/malformed', { file, what: `count ${wrong} of '${name}' is ${seen[wrong]}` });
  }
  return imatrixEntry(values, whole, 'gguf');
}

async function floats(tensor: TensorSource): Promise<Float32Array> {
  const bytes = await tensor.read(0, rowCountOf(tensor.shape));
  return new Float32Array(bytes.slice().buffer);
}
