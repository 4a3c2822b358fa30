import { dtypeOfNumber } from '../../../files/onnx/index.ts';
import { fromFloat32, toFloat32 } from '../../../numerics/index.ts';
import { type DType, dtypes, elementCount, zeros } from '../../../tensor/index.ts';
import {
  broadcastDims,
  broadcastSource,
  type Evaluator,
  type EvaluatorTable,
  larger,
  type Numbers,
  smaller,
} from './evaluator.ts';

/** Types whose array holds the numbers themselves; bigint for 64-bit integers. */
const plain = new Set<DType>([
  ...(['float32', 'float64', 'int64', 'uint64', 'int32', 'uint32'] as const),
  ...(['int16', 'uint16', 'int8', 'uint8', 'bool'] as const),
]);

const isFloat = (dtype: DType) => dtypes[dtype].kind === 'float';
const isBig = (dtype: DType) => dtype === 'int64' || dtype === 'uint64';

/** One operation on each kind of element; undefined where it has no result, and the node stays. */
interface Operation {
  readonly float?: (a: number, b: number) => number;
  readonly integer?: (a: number, b: number) => number | undefined;
  readonly big?: (a: bigint, b: bigint) => bigint | undefined;
}

/** Storing into the result's array rounds floats once and wraps integers, as the operators do. */
function elementwise(
  inputs: readonly (Numbers | undefined)[],
  dtype: Numbers['dtype'],
  f: (...values: never[]) => number | bigint | undefined,
): Numbers[] | undefined {
  const given = inputs.filter((t) => t !== undefined);
  const dims = broadcastDims(given.map((t) => t.dims));
  if (dims === undefined || given.some((t) => !plain.has(t.dtype))) return undefined;
  const sources = given.map((t) => broadcastSource(t, dims));
  const arrays = given.map((t) => t.data as ArrayLike<number | bigint>);
  const data = zeros(dtype, elementCount(dims)) as unknown as (number | bigint)[];
  const values: (number | bigint)[] = new Array(given.length);
  for (let i = 0; i < data.length; i++) {
    for (let k = 0; k < arrays.length; k++) values[k] = arrays[k]![sources[k]!(i)]!;
    const value = f(...(values as never[]));
    if (value === undefined) return undefined;
    data[i] = value;
  }
  return [{ dtype, dims, data: data as unknown as Numbers['data'] }];
}

const binary =
  ({ float, integer, big }: Operation): Evaluator =>
  (c) => {
    const [a, b] = c.inputs;
    if (a === undefined || b === undefined || c.inputs.length !== 2 || a.dtype !== b.dtype) return undefined;
    const f = isFloat(a.dtype) ? float : isBig(a.dtype) ? big : a.dtype === 'bool' ? undefined : integer;
    return f && elementwise([a, b], a.dtype, f);
  };

const compare =
  (number: (a: number | bigint, b: number | bigint) => boolean): Evaluator =>
  (c) =>
    c.inputs[0]?.dtype === c.inputs[1]?.dtype
      ? elementwise(c.inputs, 'bool', (a: number, b: number) => Number(number(a, b)))
      : undefined;

const logical =
  (f: (a: number, b: number) => boolean): Evaluator =>
  (c) =>
    elementwise(c.inputs, 'bool', (a: number, b: number) => Number(f(a, b)));

/** Float-only functions, or ones that hold for integers as well. */
const unary =
  ({ float, integer, big }: Operation): Evaluator =>
  (c) => {
    const dtype = c.inputs[0]!.dtype;
    const f = isFloat(dtype) ? float : isBig(dtype) ? big : integer;
    return f && elementwise([c.inputs[0]], dtype, f);
  };

const roundEven = (x: number) => {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
};

const where: Evaluator = (c) => {
  const [, yes, no] = c.inputs;
  if (yes === undefined || yes.dtype !== no?.dtype) return undefined;
  return elementwise(c.inputs, yes.dtype, (test: number, a: number, b: number) => (test ? a : b));
};

/** Between numbers in memory; 16-bit and smaller floats go through float32. */
const cast: Evaluator = (c) => {
  const x = c.inputs[0]!;
  const to = dtypeOfNumber(c.node.int('to', 0));
  if (to === undefined || to === 'string') return undefined;
  if (to === x.dtype) return [x];
  if (to === 'float16' || to === 'bfloat16')
    return x.dtype === 'float32' ? [{ ...fromFloat32(x.data as Float32Array, x.dims, to) }] : undefined;
  const from: Numbers =
    x.dtype === 'float16' || x.dtype === 'bfloat16'
      ? { dtype: 'float32', dims: x.dims, data: toFloat32(x) }
      : x;
  if (!plain.has(from.dtype) || !plain.has(to)) return undefined;
  if (to === 'bool') return elementwise([from], to, (a: number) => Number(Boolean(a)));
  if (isBig(to)) {
    return elementwise([from], to, (a: number | bigint) =>
      typeof a === 'bigint' ? a : Number.isFinite(a) ? BigInt(Math.trunc(a)) : undefined,
    );
  }
  const whole = !isFloat(to) && isFloat(from.dtype);
  return elementwise([from], to, (a: number | bigint) => {
    const value = Number(a);
    if (!whole) return typeof a === 'bigint' && !isFloat(to) ? Number(BigInt.asIntN(32, a)) : value;
    // Out of range differs between machines: left to the one that runs the model.
    return Math.abs(value) < 2 ** 31 ? Math.trunc(value) : undefined;
  });
};

export const arithmeticEvaluators: EvaluatorTable = {
  Add: binary({ float: (a, b) => a + b, integer: (a, b) => a + b, big: (a, b) => a + b }),
  Sub: binary({ float: (a, b) => a - b, integer: (a, b) => a - b, big: (a, b) => a - b }),
  Mul: binary({ float: (a, b) => a * b, integer: Math.imul, big: (a, b) => a * b }),
  Div: binary({
    float: (a, b) => a / b,
    integer: (a, b) => (b === 0 ? undefined : Math.trunc(a / b)),
    big: (a, b) => (b === 0n ? undefined : a / b),
  }),
  Pow: binary({ float: (a, b) => a ** b }),
  Max: binary({ integer: Math.max, big: larger, float: Math.max }),
  Min: binary({ integer: Math.min, big: smaller, float: Math.min }),
  Mod: (c) =>
    c.node.int('fmod', 0) !== 0
      ? undefined
      : binary({
          integer: (a, b) => (b === 0 ? undefined : a - b * Math.floor(a / b)),
          big: (a, b) => (b === 0n ? undefined : ((a % b) + b) % b),
        })(c),
  Equal: compare((a, b) => a === b),
  Greater: compare((a, b) => a > b),
  GreaterOrEqual: compare((a, b) => a >= b),
  Less: compare((a, b) => a < b),
  LessOrEqual: compare((a, b) => a <= b),
  And: logical((a, b) => Boolean(a && b)),
  Or: logical((a, b) => Boolean(a || b)),
  Xor: logical((a, b) => Boolean(a) !== Boolean(b)),
  Not: (c) => elementwise([c.inputs[0]], 'bool', (a: number) => Number(a === 0)),
  Neg: unary({ float: (a) => -a, integer: (a) => -a, big: (a) => -a }),
  Abs: unary({ float: Math.abs, integer: Math.abs, big: (a) => (a < 0n ? -a : a) }),
  Floor: unary({ float: Math.floor }),
  Ceil: unary({ float: Math.ceil }),
  Round: unary({ float: roundEven }),
  Sign: unary({ float: Math.sign, integer: Math.sign }),
  Sqrt: unary({ float: Math.sqrt }),
  Reciprocal: unary({ float: (a) => 1 / a }),
  Exp: unary({ float: Math.exp }),
  Log: unary({ float: Math.log }),
  Relu: unary({ float: (a) => Math.max(a, 0) }),
  Where: where,
  Cast: cast,
};
