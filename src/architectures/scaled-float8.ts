import { rowCountOf, rowLengthOf, type TensorSource } from '../files/index.ts';
import { dtypes, fail } from '../tensor/index.ts';
import { bytesOf, readValues } from './computed-tensors.ts';

/** What checkpoints call the factors of a tensor: `x.weight` has `x.weight_scale_inv` (blocks) or `x.weight_scale`. */
const suffixes = ['_scale_inv', '_scale'];

/** Factors of activations and of the key-value cache: the file holds the weights only. */
const unused = /\.(input_scale|activation_scale|output_scale|k_scale|v_scale|kv_scale)$/;

export const isFloat8 = (type: string): boolean => type.startsWith('float8e') && type !== 'float8e8m0';

/**
 * Tensors of 8-bit floats with their factors multiplied in, as float32; the factors are gone. Other tensors stay.
 * Layouts: one factor for the tensor, one per row, or one per block of the last two axes (DeepSeek V3's).
 * @param blockSize of blocks, down and across, where config.json says it
 * @throws checkpoint/scale-shape
 */
export function withoutFloat8(
  tensors: ReadonlyMap<string, TensorSource>,
  file: string,
  blockSize: readonly number[] = [],
): ReadonlyMap<string, TensorSource> {
  const scaleOf = new Map<string, TensorSource>();
  const scales = new Set<string>();
  for (const [name, { type }] of tensors) {
    if (!isFloat8(type)) continue;
    const suffix = suffixes.find((s) => tensors.has(name + s));
    if (suffix === undefined) continue;
    scaleOf.set(name, tensors.get(name + suffix)!);
    scales.add(name + suffix);
  }
  if (scaleOf.size === 0) return tensors;
  const result = new Map<string, TensorSource>();
  for (const [name, tensor] of tensors) {
    if (scales.has(name) || unused.test(name)) continue;
    const scale = scaleOf.get(name);
    result.set(name, scale === undefined ? tensor : scaledTensor(tensor, scale, file, blockSize));
  }
  return result;
}

/** Values of rows of a tensor times the factors of their blocks. */
function scaledTensor(
  tensor: TensorSource,
  scale: TensorSource,
  file: string,
  blockSize: readonly number[],
): TensorSource {
  const { name, shape } = tensor;
  const blocks = blocksOf(shape, scale.shape, blockSize);
  if (blocks === undefined || dtypes[scale.type as keyof typeof dtypes]?.kind !== 'float') {
    return fail('checkpoint/scale-shape', { file, tensor: name, shape, scale: scale.name, got: scale.shape });
  }
  const [length, height] = [rowLengthOf(shape), shape.at(-2) ?? 1];
  return {
    name,
    shape,
    type: 'float32',
    async read(from, to) {
      const [values, factors] = await Promise.all([
        readValues(tensor, from, to),
        readValues(scale, 0, rowCountOf(scale.shape)),
      ]);
      const out = new Float32Array(values.length);
      for (let row = from; row < to; row++) {
        const matrix = Math.floor(row / height);
        const line = matrix * blocks.matrix + Math.floor((row % height) / blocks.height) * blocks.line;
        const start = (row - from) * length;
        for (let block = 0; block * blocks.width < length; block++) {
          const factor = factors[line + block]!;
          const end = start + Math.min(length, (block + 1) * blocks.width);
          for (let i = start + block * blocks.width; i < end; i++) out[i] = values[i]! * factor;
        }
      }
      return bytesOf(out);
    },
  };
}

interface Blocks {
  /** Values of a block down and across; larger than the matrix where it is one block. */
  readonly height: number;
  readonly width: number;
  /** Factors from one line of blocks to the next, and from one matrix to the next; 0 where they are shared. */
  readonly line: number;
  readonly matrix: number;
}

/** The side of blocks where config.json says none: the number of factors does not tell it if the last block is cut. */
const USUAL_SIDE = 128;

function blocksOf(
  shape: readonly number[],
  scale: readonly number[],
  blockSize: readonly number[],
): Blocks | undefined {
  const [height, width] = [shape.at(-2) ?? 1, shape.at(-1) ?? 1];
  const like = (axes: number) => shape.slice(0, axes).join();
  // Axes of length 1 at the end say nothing: a factor per row is [rows] or [rows, 1].
  const axes = scale.slice(0, scale.findLastIndex((dim) => dim !== 1) + 1).join();
  if (axes === '') return { height, width, line: 0, matrix: 0 };
  if (axes === like(-1)) return { height: 1, width, line: 1, matrix: height };
  if (axes === like(-2)) return { height, width, line: 0, matrix: 1 };
  if (scale.length !== shape.length || scale.slice(0, -2).join() !== like(-2)) return undefined;
  const [down, across] = [scale.at(-2) ?? 1, scale.at(-1) ?? 1];
  const side = (size: number, blocks: number, said = USUAL_SIDE) =>
    Math.ceil(size / said) === blocks ? said : size % blocks === 0 ? size / blocks : undefined;
  const [tall, wide] = [side(height, down, blockSize[0]), side(width, across, blockSize[1])];
  return tall === undefined || wide === undefined
    ? undefined
    : { height: tall, width: wide, line: across, matrix: down * across };
}
