import { elementCount, tensor, zeros } from '../../../tensor/index.ts';
import { type Evaluator, type EvaluatorTable, stridesOf, toNumbers } from './evaluator.ts';

/** More elements than this are not made from a shape: a few bytes must not become gigabytes. */
const generatedLimit = 1 << 20;

/** The value to fill with was read before: it stands in for a second input. */
const constantOfShape: Evaluator = (c) => {
  const dims = toNumbers(c.inputs[0]);
  if (dims === undefined || dims.some((d) => d < 0) || elementCount(dims) > generatedLimit) return undefined;
  const value = c.inputs[1] ?? tensor('float32', [1], new Float32Array(1));
  const data = zeros(value.dtype, elementCount(dims)) as Uint8Array;
  return [{ dtype: value.dtype, dims, data: data.fill((value.data as Uint8Array)[0]!) }];
};

const range: Evaluator = (c) => {
  const [start, limit, delta] = c.inputs;
  if (start === undefined || limit === undefined || delta === undefined) return undefined;
  const [first, end, step] = [start, limit, delta].map((t) => Number(t.data[0]!)) as [number, number, number];
  const count = Math.max(0, Math.ceil((end - first) / step));
  if (!(count <= generatedLimit)) return undefined;
  const whole = start.dtype === 'int64';
  if (!whole && start.dtype !== 'int32' && start.dtype !== 'float32') return undefined;
  const data = zeros(start.dtype, count) as unknown as (number | bigint)[];
  for (let i = 0; i < count; i++) data[i] = whole ? BigInt(first + i * step) : first + i * step;
  return [{ dtype: start.dtype, dims: [count], data: data as never }];
};

/** Keeps the upper or lower triangle of the last two axes. */
const trilu: Evaluator = (c) => {
  const x = c.inputs[0]!;
  const k = toNumbers(c.inputs[1])?.[0] ?? 0;
  const upper = c.node.int('upper', 1) !== 0;
  const [rows, columns] = [x.dims.at(-2), x.dims.at(-1)];
  if (rows === undefined || columns === undefined) return undefined;
  const data = (x.data as Uint8Array).slice();
  const zero = zeros(x.dtype, 1)[0] as number;
  for (let i = 0; i < data.length; i++) {
    const over = (i % columns) - (Math.floor(i / columns) % rows) - k;
    if (upper ? over < 0 : over > 0) data[i] = zero;
  }
  return [{ ...x, data }];
};

/** Positions that are not zero, [rank, count]. */
const nonZero: Evaluator = (c) => {
  const x = c.inputs[0]!;
  const found = toNumbers(x)!.flatMap((v, i) => (v !== 0 ? [i] : []));
  const strides = stridesOf(x.dims);
  const axes = x.dims.flatMap((d, k) => found.map((i) => Math.floor(i / strides[k]!) % d));
  return [tensor('int64', [x.dims.length, found.length], BigInt64Array.from(axes, BigInt))];
};

export const generatorEvaluators: EvaluatorTable = {
  ConstantOfShape: constantOfShape,
  Range: range,
  Trilu: trilu,
  NonZero: nonZero,
};
