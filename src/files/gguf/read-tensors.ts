import { elementCount, fail } from '../../tensor/index.ts';
import { storedBlock, storedBytes } from '../stored-size.ts';
import type { HeaderReader } from './header-reader.ts';
import { readName } from './read-metadata.ts';
import { type GgufTensorType, tensorTypeLabels, tensorTypeOf } from './tensor-types.ts';

/** Models of a hundred layers with 128 separate experts each have some forty thousand. */
const MAX_TENSORS = 2 ** 18;
/** ggml's GGML_MAX_DIMS. */
export const MAX_AXES = 4;

/** A tensor as a file declares it. */
export interface DeclaredTensor {
  readonly name: string;
  /** Outermost axis first. */
  readonly shape: readonly number[];
  readonly type: GgufTensorType;
  /** From the start of the tensor data. */
  readonly offset: number;
  readonly sizeBytes: number;
}

/**
 * Reads `count` tensor declarations. Each lies where the one before ends, padded to the alignment: so ggml writes
 * them, and it reads nothing else.
 * @throws gguf/truncated, gguf/too-large, gguf/tensor, gguf/tensor-type
 */
export async function readTensors(
  reader: HeaderReader,
  count: number,
  alignment: number,
): Promise<DeclaredTensor[]> {
  const { file } = reader;
  if (count > MAX_TENSORS) {
    fail('gguf/too-large', { file, what: 'the number of tensors', got: count, limit: MAX_TENSORS });
  }
  const names = new Set<string>();
  const tensors: DeclaredTensor[] = [];
  let end = 0;
  for (let i = 0; i < count; i++) {
    const tensor = await readTensor(reader, i);
    const { name } = tensor;
    if (names.has(name)) fail('gguf/tensor', { file, tensor: name, what: 'is there twice' });
    names.add(name);
    const expected = Math.ceil(end / alignment) * alignment;
    const what = offsetFault(tensor.offset, expected, end, alignment);
    if (what !== undefined) fail('gguf/tensor', { file, tensor: name, what });
    end = tensor.offset + tensor.sizeBytes;
    if (!Number.isSafeInteger(end)) {
      fail('gguf/tensor', { file, tensor: name, what: `ends at byte ${end}, beyond any file` });
    }
    tensors.push(tensor);
  }
  return tensors;
}

function offsetFault(offset: number, expected: number, end: number, alignment: number): string | undefined {
  if (offset === expected) return undefined;
  const at = `has its data at byte ${offset} of the tensor data`;
  if (offset % alignment !== 0) return `${at}, which is no multiple of the alignment ${alignment}`;
  if (offset < end) return `${at}, inside the tensor before, which ends at ${end}`;
  return `${at}, but the tensor before ends at ${end}: wanted ${expected}`;
}

async function readTensor(reader: HeaderReader, index: number): Promise<DeclaredTensor> {
  const { file } = reader;
  const name = await readName(reader, `tensor ${index}`);
  const where = `tensor '${name}'`;
  await reader.want(4, where);
  const axes = reader.uint32();
  if (axes > MAX_AXES) {
    fail('gguf/tensor', { file, tensor: name, what: `has ${axes} axes, but ggml knows at most ${MAX_AXES}` });
  }
  await reader.want(8 * axes + 12, where);
  const shape: number[] = [];
  for (let axis = 0; axis < axes; axis++) shape.unshift(reader.size());
  const id = reader.uint32();
  const offset = reader.size();
  const found = tensorTypeOf(id);
  if ('why' in found) {
    fail('gguf/tensor-type', { file, tensor: name, got: id, why: found.why, known: tensorTypeLabels });
  }
  const { type } = found;
  const what = shapeFault(shape, type);
  if (what !== undefined) fail('gguf/tensor', { file, tensor: name, what });
  return { name, shape, type, offset, sizeBytes: storedBytes(type, elementCount(shape)) };
}

/** What is wrong with a shape for a type of GGUF; undefined when nothing is. */
export function shapeFault(shape: readonly number[], type: GgufTensorType): string | undefined {
  const dims = `[${shape.join(', ')}]`;
  if (shape.some((dim) => dim === 0)) return `has the shape ${dims}: an axis of 0 holds nothing`;
  const { values, sizeBytes } = storedBlock(type);
  const count = elementCount(shape);
  const countable = shape.every(Number.isSafeInteger) && Number.isSafeInteger(count * sizeBytes);
  if (!countable) return `has the shape ${dims}: no file holds that many values`;
  const rowLength = shape.at(-1) ?? 1;
  if (rowLength % values === 0) return undefined;
  return `has rows of ${rowLength} values, which is no whole number of blocks of ${values} (${type})`;
}
