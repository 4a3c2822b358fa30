import { elementCount, seededRandom } from '../../tensor/index.ts';
import { memoryTensor } from '../memory-tensor.ts';
import { storedBlock, storedBytes } from '../stored-size.ts';
import type { TensorSource } from '../tensor-source.ts';
import type { Metadata } from './gguf.ts';
import { type GgufTensorType, tensorTypeOf } from './tensor-types.ts';

/** Metadata of every type, and tensors of every type with random bytes: what a reader and a writer must carry. */

export const everyMetadata: Metadata = new Map([
  ['general.architecture', { type: 'string', value: 'llama' }],
  ['numbers.uint8', { type: 'uint8', value: 255 }],
  ['numbers.int8', { type: 'int8', value: -128 }],
  ['numbers.uint16', { type: 'uint16', value: 65535 }],
  ['numbers.int16', { type: 'int16', value: -32768 }],
  ['numbers.uint32', { type: 'uint32', value: 4294967295 }],
  ['numbers.int32', { type: 'int32', value: -2147483648 }],
  ['numbers.float32', { type: 'float32', value: Math.fround(1e-5) }],
  ['numbers.uint64', { type: 'uint64', value: 2n ** 64n - 1n }],
  ['numbers.int64', { type: 'int64', value: -(2n ** 63n) }],
  ['numbers.float64', { type: 'float64', value: Math.PI }],
  ['flags.yes', { type: 'bool', value: true }],
  ['flags.no', { type: 'bool', value: false }],
  ['texts.empty', { type: 'string', value: '' }],
  ['texts.mixed', { type: 'string', value: '\ufeffé 漢字 🦙\n' }],
  ['texts.zero', { type: 'string', value: 'a\0b' }],
  ['lists.strings', { type: 'array', of: 'string', value: ['a', '', 'ß'] }],
  ['lists.empty', { type: 'array', of: 'string', value: [] }],
  ['lists.bools', { type: 'array', of: 'bool', value: [true, false, true] }],
  ['lists.uint8', { type: 'array', of: 'uint8', value: Uint8Array.of(1, 2, 3) }],
  ['lists.int8', { type: 'array', of: 'int8', value: Int8Array.of(-1, 2) }],
  ['lists.uint16', { type: 'array', of: 'uint16', value: Uint16Array.of(1, 65535) }],
  ['lists.int16', { type: 'array', of: 'int16', value: Int16Array.of(-1, 1) }],
  ['lists.uint32', { type: 'array', of: 'uint32', value: Uint32Array.of(7) }],
  ['lists.int32', { type: 'array', of: 'int32', value: Int32Array.of(-7, 7) }],
  ['lists.float32', { type: 'array', of: 'float32', value: Float32Array.of(-0, Number.NaN, Infinity) }],
  ['lists.uint64', { type: 'array', of: 'uint64', value: BigUint64Array.of(1n, 2n ** 63n) }],
  ['lists.int64', { type: 'array', of: 'int64', value: BigInt64Array.of(-1n) }],
  ['lists.float64', { type: 'array', of: 'float64', value: Float64Array.of(0.1) }],
  [
    'lists.nested',
    {
      type: 'array',
      of: 'array',
      value: [
        { type: 'array', of: 'int32', value: Int32Array.of(1, 2) },
        { type: 'array', of: 'string', value: ['x'] },
      ],
    },
  ],
]);

/** All types that a file may have, by ggml's ids. */
export const everyTensorType: readonly GgufTensorType[] = Array.from({ length: 64 }, (_, id) =>
  tensorTypeOf(id),
)
  .filter((found) => 'type' in found)
  .map(({ type }) => type);

export const everyTensor: readonly TensorSource[] = [
  ...everyTensorType.map((type, i) =>
    randomTensor(`blk.${type}`, [3, 2, 2 * storedBlock(type).values], type, i),
  ),
  randomTensor('one', [1], 'float32', 99),
  randomTensor('three', [3], 'int8', 100),
  randomTensor('four.axes', [2, 1, 3, 4], 'float16', 101),
];

/** Bytes without meaning: only readers that decode would mind. */
export function randomTensor(
  name: string,
  shape: readonly number[],
  type: GgufTensorType,
  seed: number,
): TensorSource {
  const random = seededRandom(seed);
  const bytes = new Uint8Array(storedBytes(type, elementCount(shape))).map(() => 256 * random());
  return memoryTensor(name, shape, type, bytes);
}
