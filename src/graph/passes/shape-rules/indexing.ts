import { dtypeOfNumber } from '../../../files/onnx/index.ts';
import { integers } from './layout.ts';
import { axisOf, numbers, type Rule, type RuleContext, type RuleTable, scalar, unknownDims } from './rule.ts';

const gather: Rule = (c) => {
  const [x, indices] = [c.input(0), c.input(1).shape];
  const axis = x.shape && axisOf(c.node.int('axis', 0), x.shape.length);
  const shape =
    x.shape && indices && axis !== undefined
      ? [...x.shape.slice(0, axis), ...indices, ...x.shape.slice(axis + 1)]
      : undefined;
  return [{ dtype: x.dtype, shape }];
};

const gatherND: Rule = (c) => {
  const [x, indices] = [c.input(0), c.input(1).shape];
  const depth = indices?.at(-1);
  const batch = c.node.int('batch_dims', 0);
  const shape =
    x.shape && indices && typeof depth === 'number'
      ? [...indices.slice(0, -1), ...x.shape.slice(batch + depth)]
      : undefined;
  return [{ dtype: x.dtype, shape }];
};

const topK: Rule = (c) => {
  const x = c.input(0);
  const k = c.node.int('k') ?? scalar(c.content(1));
  const axis = x.shape && axisOf(c.node.int('axis', -1), x.shape.length);
  const shape = axis === undefined ? undefined : x.shape?.with(axis, k);
  return [
    { dtype: x.dtype, shape },
    { dtype: 'int64', shape },
  ];
};

const oneHot: Rule = (c) => {
  const indices = c.input(0).shape;
  const given = c.node.int('axis', -1);
  const axis = indices && axisOf(given, indices.length + 1);
  const depth = scalar(c.content(1));
  const shape = axis === undefined ? undefined : indices?.toSpliced(axis, 0, depth);
  return [{ dtype: c.input(2).dtype, shape }];
};

/** Reductions: axes were an attribute before 18 (13 for ReduceSum); none means all, or nothing at all. */
const reduce: Rule = (c) => {
  const { dtype, shape } = c.input(0);
  const keeps = c.node.int('keepdims', 1) !== 0;
  if (shape === undefined) return [{ dtype }];
  const given = integers(c, 1, 'axes');
  if (c.has(1) && given === undefined)
    return [{ dtype, shape: keeps ? unknownDims(shape.length) : undefined }];
  const none = given === undefined || given.length === 0;
  if (none && c.node.int('noop_with_empty_axes', 0) !== 0) return [{ dtype, shape }];
  const axes = none ? shape.map((_, i) => i) : given.map((a) => axisOf(a, shape.length));
  return [
    {
      dtype,
      shape: keeps
        ? shape.map((d, i) => (axes.includes(i) ? 1 : d))
        : shape.filter((_, i) => !axes.includes(i)),
    },
  ];
};

const argument: Rule = (c) => {
  const shape = c.input(0).shape;
  const axis = shape && axisOf(c.node.int('axis', 0), shape.length);
  if (shape === undefined || axis === undefined) return [{ dtype: 'int64' }];
  const keeps = c.node.int('keepdims', 1) !== 0;
  return [{ dtype: 'int64', shape: keeps ? shape.with(axis, 1) : shape.toSpliced(axis, 1) }];
};

const vector = (c: RuleContext) => ({ dtype: c.input(0).dtype, shape: [undefined] });

const compress: Rule = (c) => {
  const { dtype, shape } = c.input(0);
  const given = c.node.int('axis');
  if (given === undefined) return [vector(c)];
  const axis = shape && axisOf(given, shape.length);
  return [{ dtype, shape: axis === undefined ? undefined : shape?.with(axis, undefined) }];
};

const unique: Rule = (c) => {
  const indices = { dtype: 'int64', shape: [undefined] } as const;
  return [...compress(c), indices, indices, indices];
};

const randomOf: Rule = (c) => [{ dtype: dtypeOfNumber(c.node.int('dtype', 1)), shape: c.node.ints('shape') }];

/** Code table and scales apart; the codes' last axis holds `8 / bits` values when they are packed bytes. */
const gatherBlockQuantized: Rule = (c) => {
  const [data, indices, scales] = [c.input(0), c.input(1).shape, c.input(2)];
  const axis = data.shape && axisOf(c.node.int('gather_axis', 0), data.shape.length);
  if (data.shape === undefined || indices === undefined || axis === undefined)
    return [{ dtype: scales.dtype }];
  const packed = data.dtype === 'uint8' ? 8 / c.node.int('bits', 4) : 1;
  const last = data.shape.at(-1);
  const values = data.shape.with(-1, typeof last === 'number' ? last * packed : undefined);
  return [{ dtype: scales.dtype, shape: [...values.slice(0, axis), ...indices, ...values.slice(axis + 1)] }];
};

const reductions = ['Sum', 'Mean', 'Max', 'Min', 'Prod', 'L1', 'L2', 'LogSum', 'LogSumExp', 'SumSquare'];

export const indexingRules: RuleTable = {
  Gather: gather,
  GatherElements: (c) => [{ dtype: c.input(0).dtype, shape: c.input(1).shape }],
  GatherND: gatherND,
  'com.microsoft.GatherBlockQuantized': gatherBlockQuantized,
  TopK: topK,
  OneHot: oneHot,
  ...Object.fromEntries(reductions.map((name) => [`Reduce${name}`, reduce])),
  ArgMax: argument,
  ArgMin: argument,
  NonZero: (c) => [{ dtype: 'int64', shape: [c.input(0).shape?.length, undefined] }],
  Compress: compress,
  Unique: unique,
  NonMaxSuppression: () => [{ dtype: 'int64', shape: [undefined, 3] }],
  RandomNormal: randomOf,
  RandomUniform: randomOf,
  Multinomial: (c) => [
    {
      dtype: dtypeOfNumber(c.node.int('dtype', 6)),
      shape: [c.input(0).shape?.[0], c.node.int('sample_size', 1)],
    },
  ],
  HannWindow: window,
  HammingWindow: window,
  BlackmanWindow: window,
  MelWeightMatrix: (c) => [
    { dtype: dtypeOfNumber(c.node.int('output_datatype', 1)), shape: [undefined, scalar(c.content(0))] },
  ],
  DFT: (c) => [{ dtype: c.input(0).dtype, shape: c.input(0).shape && unknownDims(c.input(0).shape!.length) }],
  STFT: (c) => [{ dtype: c.input(0).dtype, shape: [c.input(0).shape?.[0], undefined, undefined, 2] }],
};

function window(c: RuleContext): ReturnType<Rule> {
  return [{ dtype: dtypeOfNumber(c.node.int('output_datatype', 1)), shape: [numbers(c.content(0))?.[0]] }];
}
