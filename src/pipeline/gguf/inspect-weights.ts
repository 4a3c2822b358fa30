import {
  type ByteSource,
  type Metadata,
  type MetadataValue,
  openGguf,
  openLlama2c,
  openSafetensors,
  openSafetensorsFolder,
  QUANTIZED_KEY,
  readImatrix,
  type Siblings,
  storedBytes,
  type TensorSource,
} from '../../files/index.ts';
import { fileTypes } from '../../numerics/index.ts';
import {
  type ImatrixSummary,
  quantizedSummary,
  type StoredRecord,
  type TensorSummary,
  typeShares,
  type WeightsSummary,
} from '../../report/index.ts';
import { elementCount, fail } from '../../tensor/index.ts';
import { inspectCheckpoint } from '../checkpoint/inspect-checkpoint.ts';
import { readCompanion } from '../layout.ts';
import { inspectQuantized, quantizedParameters } from '../packed/inspect-stored.ts';
import { typeLabel } from './gguf-record.ts';
import { isImatrix } from './model-facts.ts';
import type { WeightsPlace } from './weights-place.ts';

/** Items of an array that are shown. */
const ITEMS = 8;

const fileTypeNames = new Map<number, string>(Object.entries(fileTypes).map(([name, { id }]) => [id, name]));

/** What a file or folder of weights holds. Only headers are read; the source is closed. */
export async function inspectWeights(place: WeightsPlace): Promise<WeightsSummary> {
  if (place.kind === 'folder') return inspectFolder(place.name, place.siblings);
  const { kind, source, siblings } = place;
  try {
    if (kind === 'llama2.c') return await inspectLlama2c(source);
    if (kind === 'imatrix') return await inspectLegacyImatrix(source);
    return await (kind === 'gguf' ? inspectGguf(source, siblings) : inspectSafetensors(source));
  } finally {
    await source.close?.();
  }
}

async function inspectGguf(source: ByteSource, siblings: Siblings | undefined): Promise<WeightsSummary> {
  const { tensors, metadata, shards, sizeBytes, close } = await openGguf(source, siblings);
  await close();
  const architecture = metadata.get('general.architecture');
  const type = metadata.get('general.file_type')?.value;
  const named = typeof type === 'number' ? fileTypeNames.get(type) : undefined;
  return {
    container: 'gguf',
    file: { path: source.name, sizeBytes },
    files: shards,
    architecture: architecture?.type === 'string' ? architecture.value : '',
    ...(named !== undefined && { fileType: named }),
    ...(isImatrix(metadata) && { imatrix: imatrixFacts(metadata, tensors) }),
    ...contentOf(tensors),
    metadata: Object.fromEntries([...metadata].map(([key, value]) => [key, valueText(value)])),
  };
}

/** What the header of an importance matrix says: an entry is two tensors. */
function imatrixFacts(metadata: Metadata, tensors: readonly TensorSource[]): ImatrixSummary {
  const count = (key: string) => Number(metadata.get(key)?.value ?? 0);
  const datasets = metadata.get('imatrix.datasets');
  const [chunks, chunkSize] = [count('imatrix.chunk_count'), count('imatrix.chunk_size')];
  return {
    entries: tensors.filter(({ name }) => name.endsWith('.in_sum2')).length,
    chunks,
    tokens: chunks * chunkSize,
    datasets: datasets?.type === 'array' ? Array.from(datasets.value as ArrayLike<unknown>, String) : [],
  };
}

/** The legacy format has no header; it is small and read whole. */
async function inspectLegacyImatrix(source: ByteSource): Promise<WeightsSummary> {
  const { entries, chunks, datasets } = await readImatrix(source);
  const list = [...entries].map(([name, { matrices, values }]) => ({
    name,
    dtype: 'F32',
    dims: [matrices, values.length / matrices],
    sizeBytes: values.byteLength,
  }));
  return {
    container: 'imatrix',
    file: { path: source.name, sizeBytes: source.size },
    files: 1,
    architecture: '',
    imatrix: { entries: entries.size, chunks, tokens: 0, datasets },
    ...summed(list),
    metadata: {},
  };
}

async function inspectSafetensors(source: ByteSource): Promise<WeightsSummary> {
  const weights = await openSafetensors(source);
  const { tensors, metadata } = weights;
  const stored = inspectQuantized(weights, source.name);
  return {
    container: 'safetensors',
    file: { path: source.name, sizeBytes: source.size },
    files: 1,
    architecture: '',
    ...countedAs(contentOf([...tensors.values()]), stored && quantizedParameters(weights, source.name)),
    metadata: Object.fromEntries([...metadata].filter(([key]) => key !== QUANTIZED_KEY)),
    ...(stored && { stored, quantized: schemesOf(stored, quantizedParameters(weights, source.name)) }),
  };
}

async function inspectLlama2c(source: ByteSource): Promise<WeightsSummary> {
  const { config, tensors } = await openLlama2c(source);
  return {
    container: 'llama2.c',
    file: { path: source.name, sizeBytes: source.size },
    files: 1,
    architecture: 'llama',
    ...contentOf([...tensors.values()]),
    metadata: Object.fromEntries(Object.entries(config).map(([key, value]) => [key, String(value)])),
  };
}

async function inspectFolder(name: string, siblings: Siblings): Promise<WeightsSummary> {
  const weights = await openSafetensorsFolder(siblings);
  const { tensors, sizeBytes, shards, close } = weights;
  const config = await readConfig(siblings);
  const checkpoint = await inspectCheckpoint(weights, config, name).finally(close);
  const own = inspectQuantized(weights, name);
  const stored = own ?? checkpoint?.stored;
  const parameters = own ? quantizedParameters(weights, name) : checkpoint?.parameters;
  const { architectures, model_type } = config;
  const architecture = Array.isArray(architectures) ? architectures[0] : model_type;
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  const content = countedAs(contentOf([...tensors.values()]), parameters);
  return {
    container: 'safetensors',
    file: { path: name, sizeBytes },
    files: shards,
    architecture: typeof architecture === 'string' ? architecture : '',
    ...content,
    metadata: Object.fromEntries(Object.entries(config).map(([key, value]) => [key, text(value)])),
    ...(stored && { stored, quantized: schemesOf(stored, content.parameters) }),
  };
}

const schemesOf = ({ tensors }: StoredRecord, parameters: number) =>
  quantizedSummary(
    parameters,
    tensors.map(({ as, values, sizeBytes }) => ({ scheme: as, values, sizeBytes })),
  );

/** config.json; nothing where there is none. */
async function readConfig(siblings: Siblings): Promise<Record<string, unknown>> {
  const bytes = await readCompanion(siblings, 'config.json');
  if (bytes === undefined) return {};
  try {
    const config: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof config === 'object' && config !== null ? (config as Record<string, unknown>) : {};
  } catch (cause) {
    fail('file/not-json', { path: 'config.json' }, cause);
  }
}

function contentOf(tensors: readonly TensorSource[]) {
  const list = tensors.map(({ name, type, shape }) => ({
    name,
    dtype: typeLabel(type),
    dims: shape,
    sizeBytes: storedBytes(type, elementCount(shape)),
  }));
  return summed(list);
}

/** Where codes are counted as what they stand for, not as bytes. */
function countedAs<C extends { readonly parameters: number; readonly weightBytes: number }>(
  content: C,
  parameters = content.parameters,
) {
  const bitsPerWeight = parameters === 0 ? 0 : (8 * content.weightBytes) / parameters;
  return { ...content, parameters, bitsPerWeight };
}

function summed(list: readonly TensorSummary[]) {
  const parameters = list.reduce((sum, { dims }) => sum + elementCount(dims), 0);
  const weightBytes = list.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return {
    schema: 1 as const,
    tensors: list.length,
    parameters,
    weightBytes,
    bitsPerWeight: parameters === 0 ? 0 : (weightBytes * 8) / parameters,
    types: typeShares(
      list.map(({ dtype, dims, sizeBytes }) => ({ type: dtype, values: elementCount(dims), sizeBytes })),
    ),
    list,
  };
}

/** The shortest digits that are this float32 and no other: 0.00001, not 0.000009999999747378752. */
function shortFloat32(value: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(Number.isFinite(value) ? Number(value.toPrecision(9)) : value);
}

/** '32000 string: <unk>, <s>, ...'. */
function valueText(entry: MetadataValue): string {
  if (entry.type === 'float32') return shortFloat32(entry.value);
  if (entry.type !== 'array') return String(entry.value);
  const { of, value } = entry;
  const items = Array.from(value.slice(0, ITEMS) as ArrayLike<unknown>, (item) =>
    typeof item === 'object'
      ? valueText(item as MetadataValue)
      : of === 'float32'
        ? shortFloat32(item as number)
        : String(item),
  );
  return `${value.length} ${of}: ${items.join(', ')}${value.length > ITEMS ? ', ...' : ''}`;
}
