import { elementCount, zeros } from '../../../tensor/index.ts';
import { sliceLength } from '../shape-rules/layout.ts';
import {
  axisIn,
  broadcastDims,
  broadcastSource,
  type Evaluator,
  type EvaluatorContext,
  type EvaluatorTable,
  type Numbers,
  rearranged,
  reshaped,
  strided,
  stridesOf,
  toNumbers,
} from './evaluator.ts';

/** Attribute of old versions, input `i` of new ones. */
export const integersOf = (c: EvaluatorContext, i: number, attribute: string) =>
  c.node.ints(attribute) ?? toNumbers(c.inputs[i]);

const reshape: Evaluator = (c) => {
  const [x, target] = [c.inputs[0]!, toNumbers(c.inputs[1])];
  if (target === undefined) return undefined;
  const copies = c.node.int('allowzero', 0) === 0;
  const dims = target.map((d, i) => (d === 0 && copies ? (x.dims[i] ?? 0) : d));
  const open = dims.indexOf(-1);
  if (open >= 0) dims[open] = elementCount(x.dims) / elementCount(dims.toSpliced(open, 1));
  const fits = dims.every((d) => d >= 0) && elementCount(dims) === elementCount(x.dims);
  return fits ? [reshaped(x, dims)] : undefined;
};

const flatten: Evaluator = (c) => {
  const x = c.inputs[0]!;
  const given = c.node.int('axis', 1);
  const axis = given < 0 ? given + x.dims.length : given;
  return [reshaped(x, [elementCount(x.dims.slice(0, axis)), elementCount(x.dims.slice(axis))])];
};

const squeeze: Evaluator = (c) => {
  const x = c.inputs[0]!;
  const axes = integersOf(c, 1, 'axes')?.map((a) => axisIn(a, x.dims.length));
  const dims = x.dims.filter((d, i) => (axes === undefined ? d !== 1 : !axes.includes(i)));
  return elementCount(dims) === elementCount(x.dims) ? [reshaped(x, dims)] : undefined;
};

const unsqueeze: Evaluator = (c) => {
  const x = c.inputs[0]!;
  const given = integersOf(c, 1, 'axes');
  if (given === undefined) return undefined;
  const rank = x.dims.length + given.length;
  const axes = given.map((a) => axisIn(a, rank));
  const rest = [...x.dims];
  const dims = Array.from({ length: rank }, (_, i) => (axes.includes(i) ? 1 : rest.shift()!));
  return rest.length === 0 && dims.every((d) => d !== undefined) ? [reshaped(x, dims)] : undefined;
};

const transpose: Evaluator = (c) => {
  const x = c.inputs[0]!;
  const perm = c.node.ints('perm') ?? x.dims.map((_, i) => x.dims.length - 1 - i);
  if ([...perm].sort((a, b) => a - b).join() !== x.dims.map((_, i) => i).join()) return undefined;
  const strides = stridesOf(x.dims);
  const dims = perm.map((p) => x.dims[p]!);
  if (dims.length === 2 && perm[0] === 1) {
    const [rows, columns] = dims as [number, number];
    return [rearranged(x, dims, (i) => (i % columns) * rows + Math.floor(i / columns))];
  }
  return [
    rearranged(
      x,
      dims,
      strided(
        dims,
        perm.map((p) => strides[p]!),
      ),
    ),
  ];
};

const concat: Evaluator = (c) => {
  const parts = c.inputs as readonly Numbers[];
  const first = parts[0]!;
  const axis = axisIn(c.node.int('axis', 1), first.dims.length);
  if (axis === undefined) return undefined;
  const others = (dims: readonly number[]) => dims.map((d, i) => (i === axis ? '' : d)).join();
  if (parts.some((p) => p.dtype !== first.dtype || others(p.dims) !== others(first.dims))) return undefined;
  const outer = elementCount(first.dims.slice(0, axis));
  const inner = parts.map((p) => elementCount(p.dims.slice(axis)));
  const row = inner.reduce((a, b) => a + b, 0);
  const data = zeros(first.dtype, outer * row) as Uint8Array;
  let column = 0;
  parts.forEach((p, k) => {
    const from = p.data as Uint8Array;
    const width = inner[k]!;
    for (let o = 0; o < outer; o++) data.set(from.subarray(o * width, (o + 1) * width), o * row + column);
    column += width;
  });
  const size = parts.reduce((n, p) => n + p.dims[axis]!, 0);
  return [{ dtype: first.dtype, dims: first.dims.with(axis, size), data }];
};

const gather: Evaluator = (c) => {
  const [x, indices] = [c.inputs[0]!, c.inputs[1]!];
  const axis = axisIn(c.node.int('axis', 0), x.dims.length);
  if (axis === undefined) return undefined;
  const size = x.dims[axis]!;
  const picks = toNumbers(indices)!.map((i) => (i < 0 ? i + size : i));
  if (picks.some((p) => p < 0 || p >= size)) return undefined;
  const inner = elementCount(x.dims.slice(axis + 1));
  const dims = [...x.dims.slice(0, axis), ...indices.dims, ...x.dims.slice(axis + 1)];
  const count = picks.length;
  return [
    rearranged(x, dims, (i) => {
      const [row, at] = [Math.floor(i / inner), i % inner];
      return (Math.floor(row / count) * size + picks[row % count]!) * inner + at;
    }),
  ];
};

const slice: Evaluator = (c) => {
  const x = c.inputs[0]!;
  const [starts, ends] = [integersOf(c, 1, 'starts'), integersOf(c, 2, 'ends')];
  if (starts === undefined || ends === undefined) return undefined;
  const axes = integersOf(c, 3, 'axes') ?? starts.map((_, i) => i);
  const steps = toNumbers(c.inputs[4]) ?? starts.map(() => 1);
  const [dims, strides] = [[...x.dims], stridesOf(x.dims)];
  let offset = 0;
  for (const [i, given] of axes.entries()) {
    const axis = axisIn(given, x.dims.length);
    const step = steps[i]!;
    if (axis === undefined || step === 0) return undefined;
    const size = x.dims[axis]!;
    const from = starts[i]! < 0 ? starts[i]! + size : starts[i]!;
    offset += Math.min(Math.max(from, 0), step > 0 ? size : size - 1) * strides[axis]!;
    dims[axis] = sliceLength(size, starts[i]!, ends[i]!, step);
    strides[axis]! *= step;
  }
  return [rearranged(x, dims, strided(dims, strides, offset))];
};

const split: Evaluator = (c) => {
  const x = c.inputs[0]!;
  const axis = axisIn(c.node.int('axis', 0), x.dims.length);
  if (axis === undefined) return undefined;
  const [whole, parts] = [x.dims[axis]!, c.node.outputs.length];
  const each = Math.ceil(whole / parts);
  const sizes =
    integersOf(c, 1, 'split') ??
    c.node.outputs.map((_, i) => (i < parts - 1 ? each : whole - each * (parts - 1)));
  if (sizes.reduce((a, b) => a + b, 0) !== whole || sizes.some((s) => s < 0)) return undefined;
  const strides = stridesOf(x.dims);
  let start = 0;
  return sizes.map((size) => {
    const dims = x.dims.with(axis, size);
    const part = rearranged(x, dims, strided(dims, strides, start * strides[axis]!));
    start += size;
    return part;
  });
};

const expand: Evaluator = (c) => {
  const [x, shape] = [c.inputs[0]!, toNumbers(c.inputs[1])];
  const dims = shape && broadcastDims([x.dims, shape]);
  return dims && [rearranged(x, dims, broadcastSource(x, dims))];
};

const tile: Evaluator = (c) => {
  const [x, repeats] = [c.inputs[0]!, toNumbers(c.inputs[1])];
  if (repeats?.length !== x.dims.length) return undefined;
  const [dims, strides] = [x.dims.map((d, i) => d * repeats[i]!), stridesOf(x.dims)];
  const own = stridesOf(dims);
  return [
    rearranged(x, dims, (i) =>
      dims.reduce((at, d, k) => at + ((Math.floor(i / own[k]!) % d) % x.dims[k]!) * strides[k]!, 0),
    ),
  ];
};

export const layoutEvaluators: EvaluatorTable = {
  Identity: (c) => [c.inputs[0]!],
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Concat: concat,
  Gather: gather,
  Slice: slice,
  Split: split,
  Expand: expand,
  Tile: tile,
};
