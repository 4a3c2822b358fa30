import type { Dim } from '../../value.ts';
import {
  axisOf,
  broadcast,
  numbers,
  quotient,
  type Rule,
  type RuleContext,
  type RuleTable,
  scalar,
  sum,
  type Type,
  unknownDims,
} from './rule.ts';

const only = (c: RuleContext, shape: readonly Dim[] | undefined): readonly Type[] => [
  { dtype: c.input(0).dtype, shape },
];

/** Integers that were an attribute in old versions and are input `i` in new ones. */
export function integers(c: RuleContext, i: number, attribute: string): number[] | undefined {
  return c.node.ints(attribute) ?? numbers(c.content(i));
}

/** A shape given as a tensor: its entries, or at least how many there are. */
function shapeFrom(c: RuleContext, i: number): readonly Dim[] | undefined {
  const content = c.content(i);
  if (content !== undefined) return content.map((d) => (typeof d === 'number' && d < 0 ? undefined : d));
  const rank = c.input(i).shape?.[0];
  return typeof rank === 'number' && rank <= rankLimit ? unknownDims(rank) : undefined;
}

/** No real tensor has more axes; a longer shape is an attack. */
const rankLimit = 64;

const reshape: Rule = (c) => {
  const x = c.input(0).shape;
  const target = c.content(1);
  if (target === undefined) return only(c, shapeFrom(c, 1));
  const copies = c.node.int('allowzero', 0) === 0;
  const shape = target.map((d, i) => (d === 0 && copies ? x?.[i] : d));
  const open = shape.indexOf(-1);
  if (open >= 0) shape[open] = x && quotient(x, shape.toSpliced(open, 1));
  return only(c, shape);
};

const flatten: Rule = (c) => {
  const x = c.input(0).shape;
  if (x === undefined) return only(c, unknownDims(2));
  const given = c.node.int('axis', 1);
  const axis = given < 0 ? given + x.length : given;
  return only(c, [quotient(x.slice(0, axis), []), quotient(x.slice(axis), [])]);
};

const transpose: Rule = (c) => {
  const x = c.input(0).shape;
  const perm = c.node.ints('perm');
  return only(c, perm !== undefined ? perm.map((p) => x?.[p]) : x?.toReversed());
};

const concat: Rule = (c) => {
  const shapes = c.node.inputs.map((_, i) => c.input(i).shape);
  const rank = shapes.find((s) => s !== undefined)?.length;
  const dtype = c.node.inputs.map((_, i) => c.input(i).dtype).find((d) => d !== undefined);
  if (rank === undefined) return [{ dtype }];
  const axis = axisOf(c.node.int('axis', 1), rank);
  const shape = unknownDims(rank).map((_, d) => {
    if (d === axis) return sum(shapes.map((s) => s?.[d]));
    const known = shapes.map((s) => s?.[d]);
    return known.find((k) => typeof k === 'number') ?? known.find((k) => k !== undefined);
  });
  return [{ dtype, shape }];
};

const split: Rule = (c) => {
  const { dtype, shape } = c.input(0);
  const parts = c.node.outputs.length;
  const axis = shape && axisOf(c.node.int('axis', 0), shape.length);
  const sizes = integers(c, 1, 'split');
  return c.node.outputs.map((_, i) => {
    if (shape === undefined || axis === undefined) return { dtype };
    const whole = shape[axis];
    let size: Dim = sizes?.[i];
    if (!c.has(1) && !c.node.attributes.has('split') && typeof whole === 'number') {
      const each = Math.ceil(whole / parts);
      size = i < parts - 1 ? each : whole - each * (parts - 1);
    }
    return { dtype, shape: shape.with(axis, size) };
  });
};

/** Length of [start, end) by `step` in an axis of `size`, with ONNX's clamping. */
export function sliceLength(size: number, start: number, end: number, step: number): number {
  const clamp = (at: number, low: number, high: number) => Math.min(Math.max(at, low), high);
  const from = start < 0 ? start + size : start;
  const to = end < 0 ? end + size : end;
  const length =
    step > 0
      ? (clamp(to, 0, size) - clamp(from, 0, size)) / step
      : (clamp(to, -1, size - 1) - clamp(from, 0, size - 1)) / step;
  return Math.max(0, Math.ceil(length));
}

const slice: Rule = (c) => {
  const x = c.input(0).shape;
  if (x === undefined) return only(c, undefined);
  const starts = integers(c, 1, 'starts');
  const ends = integers(c, 2, 'ends');
  const count = starts?.length ?? ends?.length ?? c.input(1).shape?.[0];
  const givesAxes = c.has(3) || c.node.attributes.has('axes');
  const axes = givesAxes
    ? integers(c, 3, 'axes')
    : typeof count === 'number'
      ? Array.from({ length: count }, (_, i) => i)
      : undefined;
  if (axes === undefined) return only(c, unknownDims(x.length));
  const steps = c.has(4) ? numbers(c.content(4)) : axes.map(() => 1);
  const shape = [...x];
  axes.forEach((given, i) => {
    const axis = axisOf(given, x.length);
    if (axis === undefined) return;
    const [size, start, end, step] = [x[axis], starts?.[i], ends?.[i], steps?.[i]];
    const whole = start === 0 && step === 1 && end !== undefined && end >= 2 ** 31 - 1;
    if (whole) return;
    shape[axis] =
      typeof size === 'number' && start !== undefined && end !== undefined && step
        ? sliceLength(size, start, end, step)
        : undefined;
  });
  return only(c, shape);
};

const squeeze: Rule = (c) => {
  const x = c.input(0).shape;
  const given = integers(c, 1, 'axes');
  if (x === undefined) return only(c, undefined);
  if (given === undefined) {
    const certain = !c.has(1) && x.every((d) => typeof d === 'number');
    return only(c, certain ? x.filter((d) => d !== 1) : undefined);
  }
  const axes = given.map((a) => axisOf(a, x.length));
  return only(
    c,
    x.filter((_, i) => !axes.includes(i)),
  );
};

const unsqueeze: Rule = (c) => {
  const x = c.input(0).shape;
  const given = integers(c, 1, 'axes');
  if (x === undefined || given === undefined) return only(c, undefined);
  const axes = given.map((a) => axisOf(a, x.length + given.length));
  const rest = [...x];
  return only(
    c,
    unknownDims(x.length + given.length).map((_, i) => (axes.includes(i) ? 1 : rest.shift())),
  );
};

const tile: Rule = (c) => {
  const repeats = c.content(1);
  return only(
    c,
    c.input(0).shape?.map((d, i) => (repeats === undefined ? undefined : quotient([d, repeats[i]], []))),
  );
};

const pad: Rule = (c) => {
  const x = c.input(0).shape;
  if (x === undefined) return only(c, undefined);
  const pads = integers(c, 1, 'pads');
  const axes = (c.has(3) ? numbers(c.content(3)) : x.map((_, i) => i))?.map((a) => axisOf(a, x.length));
  if (pads === undefined || axes === undefined) return only(c, unknownDims(x.length));
  const shape = [...x];
  axes.forEach((axis, i) => {
    if (axis !== undefined) shape[axis] = sum([shape[axis], pads[i]! + pads[axes.length + i]!]);
  });
  return only(c, shape);
};

/** Sizes are given, or scales: then a size is floor(input * scale). */
const resize: Rule = (c) => {
  const x = c.input(0).shape;
  const legacy = c.node.op === 'Upsample' || c.opset < 11;
  const scalesAt = legacy ? 1 : 2;
  const scales = attributeFloats(c, 'scales') ?? numbers(c.content(scalesAt));
  const sizes = legacy ? undefined : c.content(3);
  const count = sizes?.length ?? scales?.length;
  const rank = x?.length ?? count;
  if (rank === undefined) return only(c, undefined);
  const keepsRatio = c.node.string('keep_aspect_ratio_policy', 'stretch') !== 'stretch';
  const crops = c.node.string('coordinate_transformation_mode', '') === 'tf_crop_and_resize';
  const axes = c.node.ints('axes')?.map((a) => axisOf(a, rank)) ?? unknownDims(rank).map((_, i) => i);
  const shape: Dim[] = x ? [...x] : unknownDims(rank);
  axes.forEach((axis, i) => {
    if (axis === undefined) return;
    const size = x?.[axis];
    const scale = scales?.[i];
    if (sizes !== undefined && sizes.length > 0) shape[axis] = keepsRatio ? undefined : sizes[i];
    else if (scale === 1) return;
    else if (crops || scale === undefined || typeof size !== 'number') shape[axis] = undefined;
    else shape[axis] = Math.floor(size * scale);
  });
  return only(c, shape);
};

function attributeFloats(c: RuleContext, name: string): readonly number[] | undefined {
  const a = c.node.attributes.get(name);
  return a?.type === 'floats' ? a.value : undefined;
}

const centerCropPad: Rule = (c) => {
  const x = c.input(0).shape;
  const target = shapeFrom(c, 1);
  if (x === undefined) return only(c, undefined);
  const axes = c.node.ints('axes')?.map((a) => axisOf(a, x.length)) ?? x.map((_, i) => i);
  return only(
    c,
    x.map((d, i) => (axes.includes(i) ? target?.[axes.indexOf(i)] : d)),
  );
};

const constantTypes: Readonly<Record<string, Type['dtype']>> = {
  value_float: 'float32',
  value_floats: 'float32',
  value_int: 'int64',
  value_ints: 'int64',
  value_string: 'string',
  value_strings: 'string',
};

export const layoutRules: RuleTable = {
  Reshape: reshape,
  Flatten: flatten,
  Transpose: transpose,
  Concat: concat,
  Split: split,
  Slice: slice,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Expand: (c) => only(c, broadcast([c.input(0).shape, shapeFrom(c, 1)])),
  Tile: tile,
  Pad: pad,
  Resize: resize,
  Upsample: resize,
  CenterCropPad: centerCropPad,
  Shape: (c) => {
    const rank = c.input(0).shape?.length;
    const shape =
      rank === undefined
        ? [undefined]
        : [sliceLength(rank, c.node.int('start', 0), c.node.int('end', rank), 1)];
    return [{ dtype: 'int64', shape }];
  },
  Size: () => [{ dtype: 'int64', shape: [] }],
  GridSample: (c) => {
    const [x, grid] = [c.input(0).shape, c.input(1).shape];
    return only(c, x && grid && [x[0], x[1], ...grid.slice(1, -1)]);
  },
  AffineGrid: (c) => {
    const size = c.content(1);
    return only(c, size && [size[0], ...size.slice(2), size.length - 2]);
  },
  Constant: (c) => {
    for (const [name, a] of c.node.attributes) {
      if (name === 'value' && a.type === 'tensor') return [{ dtype: a.value.dtype, shape: a.value.dims }];
      const dtype = constantTypes[name];
      if (dtype !== undefined)
        return [{ dtype, shape: 'value' in a && Array.isArray(a.value) ? [a.value.length] : [] }];
    }
    return [];
  },
  ConstantOfShape: (c) => {
    const value = c.node.attributes.get('value');
    return [{ dtype: value?.type === 'tensor' ? value.value.dtype : 'float32', shape: shapeFrom(c, 0) }];
  },
  Range: (c) => {
    const [start, limit, delta] = [0, 1, 2].map((i) => scalar(c.content(i)));
    const known = start !== undefined && limit !== undefined && delta;
    return only(c, [known ? Math.max(0, Math.ceil((limit - start) / delta)) : undefined]);
  },
  StringSplit: () => [undefined, { dtype: 'int64' }],
  'com.microsoft.Unsqueeze': unsqueeze,
  'com.microsoft.NhwcMaxPool': (c) => [{ dtype: c.input(0).dtype }],
  'com.microsoft.QLinearConcat': (c) => [{ dtype: c.input(1).dtype, shape: concatOfTriples(c) }],
};

/** QLinearConcat: scale and zero point of the output, then triples of tensor, scale, zero point. */
function concatOfTriples(c: RuleContext): readonly Dim[] | undefined {
  const shapes = c.node.inputs.map((_, i) => c.input(i).shape).filter((_, i) => i >= 2 && (i - 2) % 3 === 0);
  const first = shapes[0];
  if (first === undefined || shapes.some((s) => s?.length !== first.length)) return undefined;
  const axis = axisOf(c.node.int('axis', 1), first.length);
  return first.map((d, i) => (i === axis ? sum(shapes.map((s) => s?.[i])) : d));
}
