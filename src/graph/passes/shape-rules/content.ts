import { dtypeOfNumber } from '../../../files/onnx/index.ts';
import type { Dim } from '../../value.ts';
import { integers, sliceLength } from './layout.ts';
import { numbers, product, quotient, type RuleContext, scalar, sum } from './rule.ts';

/**
 * What a small tensor holds, as far as it follows from shapes and constants: how exporters compute the
 * target of a Reshape. Entries may be symbols, so a dynamic batch goes through.
 */
export type ContentRule = (c: RuleContext, shape: readonly Dim[] | undefined) => readonly Dim[] | undefined;

/** Larger results are data, not shapes. */
export const contentLimit = 1024;

const unchanged: ContentRule = (c) => c.content(0);

const isVector = (c: RuleContext, i: number) => c.input(i).shape?.length === 1;

/** Element-wise on known contents, broadcast by length 1 only. */
const binary =
  (f: (a: Dim, b: Dim, whole: boolean) => Dim): ContentRule =>
  (c) => {
    const [a, b] = [c.content(0), c.content(1)];
    if (a === undefined || b === undefined) return undefined;
    if (a.length !== b.length && a.length !== 1 && b.length !== 1) return undefined;
    const whole = c.input(0).dtype !== 'float32' && c.input(0).dtype !== 'float64';
    return Array.from({ length: Math.max(a.length, b.length) }, (_, i) =>
      f(a[a.length === 1 ? 0 : i], b[b.length === 1 ? 0 : i], whole),
    );
  };

const numeric = (f: (a: number, b: number, whole: boolean) => number) =>
  binary((a, b, whole) =>
    typeof a === 'number' && typeof b === 'number' ? rounded(f(a, b, whole), whole) : undefined,
  );

const unary =
  (f: (a: number) => number): ContentRule =>
  (c) =>
    c.content(0)?.map((d) => (typeof d === 'number' ? f(d) : undefined));

const rounded = (value: number, whole: boolean) => (whole ? value : Math.fround(value));

const reduceBy =
  (f: (dims: readonly Dim[]) => Dim): ContentRule =>
  (c, shape) => {
    const content = c.content(0);
    return content !== undefined && shape && product(shape) === 1 ? [f(content)] : undefined;
  };

const cast: ContentRule = (c) => {
  const to = dtypeOfNumber(c.node.int('to', 0));
  const content = c.content(0);
  if (to === 'int64' || to === 'int32')
    return content?.map((d) => (typeof d === 'number' ? Math.trunc(d) : d));
  if (to === 'bool') return content?.map((d) => (typeof d === 'number' ? Number(d !== 0) : undefined));
  if (to === 'float32') return content?.map((d) => (typeof d === 'number' ? Math.fround(d) : d));
  return to === 'float64' ? content : undefined;
};

const gather: ContentRule = (c) => {
  const [content, indices] = [c.content(0), numbers(c.content(1))];
  if (content === undefined || indices === undefined || !isVector(c, 0)) return undefined;
  return indices.map((i) => content[i < 0 ? i + content.length : i]);
};

const concat: ContentRule = (c) => {
  const parts = c.node.inputs.map((_, i) => c.content(i) ?? entriesOf(c, i));
  return parts.every((p) => p !== undefined) ? parts.flat() : undefined;
};

/** A vector of known length and unknown entries: better than nothing at all. */
function entriesOf(c: RuleContext, i: number): Dim[] | undefined {
  const shape = c.input(i).shape;
  const length = shape?.length === 1 ? shape[0] : undefined;
  return typeof length === 'number' && length <= contentLimit
    ? new Array<Dim>(length).fill(undefined)
    : undefined;
}

const slice: ContentRule = (c) => {
  const content = c.content(0);
  if (content === undefined || !isVector(c, 0)) return undefined;
  const start = integers(c, 1, 'starts')?.[0];
  const end = integers(c, 2, 'ends')?.[0];
  const step = c.has(4) ? scalar(c.content(4)) : 1;
  if (start === undefined || end === undefined || !step) return undefined;
  const size = content.length;
  const from = start < 0 ? start + size : start;
  const first = Math.min(Math.max(from, 0), step > 0 ? size : size - 1);
  return Array.from({ length: sliceLength(size, start, end, step) }, (_, i) => content[first + i * step]);
};

const constant: ContentRule = (c) => {
  const int = c.node.attributes.get('value_int');
  if (int?.type === 'int') return [Number(int.value)];
  const ints = c.node.attributes.get('value_ints');
  if (ints?.type === 'ints') return ints.value.map(Number);
  return undefined;
};

const fill: ContentRule = (c, shape) => {
  const count = shape && product(shape);
  if (count === undefined || count > contentLimit) return undefined;
  const value = c.node.attributes.has('value') ? c.content(-1)?.[0] : 0;
  return new Array<Dim>(count).fill(value);
};

const expand: ContentRule = (c, shape) => {
  const content = c.content(0);
  const count = shape && product(shape);
  if (content === undefined || count === undefined || count > contentLimit) return undefined;
  if (content.length === count) return content;
  return content.length === 1 ? new Array<Dim>(count).fill(content[0]) : undefined;
};

const where: ContentRule = (c) => {
  const [test, yes, no] = [c.content(0), c.content(1), c.content(2)];
  if (test === undefined || yes === undefined || no === undefined) return undefined;
  const count = Math.max(test.length, yes.length, no.length);
  const at = (from: readonly Dim[], i: number) => from[from.length === 1 ? 0 : i];
  return Array.from({ length: count }, (_, i) => {
    const chosen = at(test, i);
    return typeof chosen === 'number' ? (chosen ? at(yes, i) : at(no, i)) : undefined;
  });
};

const range: ContentRule = (c, shape) => {
  const [start, delta] = [scalar(c.content(0)), scalar(c.content(2))];
  const count = shape && product(shape);
  if (start === undefined || delta === undefined || count === undefined || count > contentLimit)
    return undefined;
  return Array.from({ length: count }, (_, i) => start + i * delta);
};

/** Symbols name sizes, so they are never negative: equal only to themselves, unequal to negatives. */
const equal = binary((a, b) => {
  if (a === undefined || b === undefined) return undefined;
  if (a === b) return 1;
  const [symbol, number] = typeof a === 'string' ? [a, b] : [b, a];
  if (typeof symbol === 'string') return typeof number === 'number' && number < 0 ? 0 : undefined;
  return 0;
});

export const contentRules: Readonly<Record<string, ContentRule>> = {
  Constant: constant,
  Shape: (c) => {
    const shape = c.input(0).shape;
    return shape?.slice(c.node.int('start', 0), c.node.int('end', shape.length));
  },
  Size: (c) => {
    const shape = c.input(0).shape;
    return shape && [quotient(shape, [])];
  },
  Identity: unchanged,
  Squeeze: unchanged,
  Unsqueeze: unchanged,
  Reshape: unchanged,
  Flatten: unchanged,
  Cast: cast,
  Gather: gather,
  Concat: concat,
  Slice: slice,
  ConstantOfShape: fill,
  Expand: expand,
  Where: where,
  Range: range,
  Add: binary((a, b, whole) =>
    typeof a === 'number' && typeof b === 'number' ? rounded(a + b, whole) : sum([a, b]),
  ),
  Mul: binary((a, b, whole) =>
    typeof a === 'number' && typeof b === 'number' ? rounded(a * b, whole) : quotient([a, b], []),
  ),
  Div: binary((a, b, whole) => {
    if (typeof a !== 'number' || typeof b !== 'number') return b === 1 ? a : undefined;
    if (b === 0) return undefined;
    return whole ? Math.trunc(a / b) : Math.fround(a / b);
  }),
  Sub: binary((a, b, whole) =>
    typeof a === 'number' && typeof b === 'number' ? rounded(a - b, whole) : b === 0 ? a : undefined,
  ),
  Mod: numeric((a, b, whole) => (whole && b !== 0 ? a - b * Math.floor(a / b) : Number.NaN)),
  Max: numeric((a, b) => Math.max(a, b)),
  Min: numeric((a, b) => Math.min(a, b)),
  Neg: unary((a) => -a),
  Abs: unary(Math.abs),
  Floor: unary(Math.floor),
  Ceil: unary(Math.ceil),
  Sqrt: unary((a) => Math.fround(Math.sqrt(a))),
  Not: unary((a) => Number(a === 0)),
  Equal: equal,
  Greater: numeric((a, b) => Number(a > b)),
  Less: numeric((a, b) => Number(a < b)),
  And: numeric((a, b) => Number(a !== 0 && b !== 0)),
  Or: numeric((a, b) => Number(a !== 0 || b !== 0)),
  ReduceProd: reduceBy((dims) => quotient(dims, [])),
  ReduceSum: reduceBy(sum),
  ReduceMax: reduceBy((dims) => {
    const known = numbers(dims);
    return known && Math.max(...known);
  }),
};
