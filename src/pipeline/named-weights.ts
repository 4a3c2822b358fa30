import { readableTensors, readJson } from '../architectures/index.ts';
import {
  openSafetensors,
  openSafetensorsFolder,
  readQuantizedEntries,
  type SafetensorsFile,
  type TensorSource,
} from '../files/index.ts';
import { loadWeight, type Model, weightViews } from '../graph/index.ts';
import {
  type BlockFormatName,
  blockFormats,
  decodeBlocks,
  type QuantizedBlockName,
  toFloat32,
} from '../numerics/index.ts';
import type { FileRecord } from '../report/index.ts';
import { type DType, dtypes, elementCount, fail, nearest, tensorFromBytes } from '../tensor/index.ts';
import { openWeights } from './gguf/open-weights.ts';
import { findWeights } from './gguf/weights-place.ts';
import { openModel } from './open-model.ts';
import type { ModelInput } from './recipe.ts';

/** One weight of a model file, whatever the container, as reals. */
export interface NamedWeight {
  readonly name: string;
  /** As the file has it. */
  readonly shape: readonly number[];
  /** As it is quantized: convolutions and gates as [rows, columns]. Same order of values. */
  readonly dims: readonly number[];
  /** Axes of `dims`: outputs, and the inputs along which groups run. */
  readonly axes: { readonly channel: number; readonly group: number };
  /** How the file stores it. */
  readonly type: string;
  /** [elementCount(dims)]. */
  read(): Promise<Float32Array>;
}

export interface NamedWeights {
  readonly file: FileRecord;
  readonly weights: readonly NamedWeight[];
  readonly close: () => Promise<void>;
}

/**
 * Every float weight of an ONNX, GGUF or safetensors file, or of a Hugging Face folder; quantized ones as what their
 * codes stand for. Only headers are read, and small descriptions.
 * @throws checkpoint/quantized for codes that no values can be read from: GPTQ, AWQ, ...
 */
export async function openNamedWeights(input: ModelInput): Promise<NamedWeights> {
  const place = await findWeights(input);
  if (place.kind === 'folder') {
    const json = await readJson(place.siblings, 'config.json');
    const opened = await openSafetensorsFolder(place.siblings);
    const { sizeBytes, close } = opened;
    try {
      const weights = await decoded(opened, json, place.name);
      return { file: { path: place.name, sizeBytes }, weights, close };
    } catch (error) {
      await close();
      throw error;
    }
  }
  if (place.kind === 'safetensors') {
    const { source } = place;
    const close = async () => void (await source.close?.());
    try {
      const weights = await decoded(await openSafetensors(source), undefined, source.name);
      return { file: { path: source.name, sizeBytes: source.size }, weights, close };
    } catch (error) {
      await close();
      throw error;
    }
  }
  if (typeof input === 'string') await place.source.close?.();
  if (place.kind === 'other') {
    const { model, file, close } = await openModel(input);
    return { file, weights: ofGraph(model), close };
  }
  const { model, file, close } = await openWeights(input);
  return { file, weights: stored(model.tensors), close };
}

/** The weight of this name. @throws tensor/unknown with the names that are near. */
export function weightNamed(weights: readonly NamedWeight[], name: string): NamedWeight {
  const found = weights.find((w) => w.name === name);
  if (found) return found;
  const names = weights.map((w) => w.name);
  const near = nearest(name, names);
  const holding = names.filter((n) => n.toLowerCase().includes(name.toLowerCase()));
  const known = holding.length > 0 ? holding : names;
  return fail('tensor/unknown', { name, near, known: known.slice(0, 12), count: known.length });
}

const isReal = (type: string): boolean =>
  Object.hasOwn(blockFormats, type) || dtypes[type as DType]?.kind === 'float';

function* realOnes(tensors: Iterable<TensorSource>): Generator<TensorSource> {
  for (const tensor of tensors) if (isReal(tensor.type) && elementCount(tensor.shape) > 0) yield tensor;
}

/** Weights of safetensors, where codes and scales of one weight are one weight. */
async function decoded(
  opened: Pick<SafetensorsFile, 'metadata' | 'tensors'>,
  json: Parameters<typeof readableTensors>[1],
  file: string,
): Promise<NamedWeight[]> {
  const readable = await readableTensors(opened, json, file);
  const entries = readQuantizedEntries(opened, file);
  return stored(readable.values()).map((weight) => {
    const type = entries.get(weight.name)?.scheme ?? opened.tensors.get(weight.name)?.type ?? weight.type;
    return { ...weight, type };
  });
}

function stored(tensors: Iterable<TensorSource>): NamedWeight[] {
  return Array.from(realOnes(tensors), (source) => {
    const { name, shape, type } = source;
    const dims = shape.length === 0 ? [1] : shape;
    return {
      name,
      shape,
      dims,
      axes: { channel: Math.max(0, dims.length - 2), group: dims.length - 1 },
      type,
      async read() {
        const count = elementCount(dims);
        const bytes = await source.read(0, count / (dims.at(-1) ?? 1));
        if (
          type !== 'float32' &&
          type !== 'float16' &&
          type !== 'bfloat16' &&
          Object.hasOwn(blockFormats, type)
        )
          return decodeBlocks(type as BlockFormatName as QuantizedBlockName, bytes, count);
        return toFloat32(tensorFromBytes(type as Exclude<DType, 'string'>, dims, bytes));
      },
    };
  });
}

function ofGraph(model: Model): NamedWeight[] {
  return weightViews(model.graph).map(({ name, weight, dims, axes }) => ({
    name,
    shape: weight.dims,
    dims,
    axes,
    type: weight.dtype,
    read: async () => toFloat32(await loadWeight(weight)),
  }));
}
