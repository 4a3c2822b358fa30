import { rowLengthOf, type TensorSource } from '../files/index.ts';
import { type BlockKernelName, blockKernels } from '../kernels/index.ts';
import { type BlockFormatName, blockFormats, decodeBlocks, toFloat32 } from '../numerics/index.ts';
import { type DType, fail, tensorFromBytes } from '../tensor/index.ts';
import type { TensorJob } from './tensor-job.ts';

/**
 * Says by name and index which value of a tensor cannot be stored.
 * @param row the row that the value is counted from
 * @throws numerics/not-finite, numerics/beyond-range
 */
export async function refuseValue({ source, type }: TensorJob, row: number, index: number): Promise<never> {
  const length = rowLengthOf(source.shape);
  const value = await valueAt(source, row + Math.floor(index / length), index % length);
  const at = { name: `tensor '${source.name}'`, index: row * length + index, value: String(value) };
  if (!Number.isFinite(value)) fail('numerics/not-finite', at);
  fail('numerics/beyond-range', { ...at, type: blockFormats[type as BlockFormatName]?.label ?? type });
}

async function valueAt(source: TensorSource, row: number, column: number): Promise<number> {
  const bytes = await source.read(row, row + 1);
  const length = rowLengthOf(source.shape);
  const values = Object.hasOwn(blockKernels, source.type)
    ? await decodeBlocks(source.type as BlockKernelName, bytes, length)
    : toFloat32(tensorFromBytes(source.type as Exclude<DType, 'string'>, [length], bytes));
  return values[column]!;
}
