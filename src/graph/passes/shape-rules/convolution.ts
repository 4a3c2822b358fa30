import type { Node } from '../../node.ts';
import type { Dim } from '../../value.ts';
import { product, type Rule, type RuleContext, type RuleTable, type Type, unknownDims } from './rule.ts';

/** One spatial axis of a sliding window. */
interface Window {
  readonly kernel: Dim;
  readonly stride: number;
  readonly dilation: number;
  readonly padBegin: number;
  readonly padEnd: number;
}

function windows(node: Node, kernel: readonly Dim[]): Window[] {
  const rank = kernel.length;
  const pads = node.ints('pads') ?? [];
  return kernel.map((k, i) => ({
    kernel: k,
    stride: node.ints('strides')?.[i] ?? 1,
    dilation: node.ints('dilations')?.[i] ?? 1,
    padBegin: pads[i] ?? 0,
    padEnd: pads[rank + i] ?? 0,
  }));
}

/** Number of window positions along one axis. */
function positions(node: Node, size: Dim, w: Window): Dim {
  const autoPad = node.string('auto_pad', 'NOTSET');
  if (autoPad === 'SAME_UPPER' || autoPad === 'SAME_LOWER') {
    if (w.stride === 1) return size;
    return typeof size === 'number' ? Math.ceil(size / w.stride) : undefined;
  }
  if (typeof w.kernel !== 'number') return undefined;
  const padding = autoPad === 'VALID' ? 0 : w.padBegin + w.padEnd;
  const reach = (w.kernel - 1) * w.dilation + 1;
  if (w.stride === 1 && padding === reach - 1) return size;
  if (typeof size !== 'number') return undefined;
  const steps = (size + padding - reach) / w.stride;
  if (node.int('ceil_mode', 0) === 0) return Math.floor(steps) + 1;
  const ceiled = Math.ceil(steps) + 1;
  // A last window that lies in the end padding altogether: versions of the operator differ.
  return (ceiled - 1) * w.stride >= size + w.padBegin ? undefined : ceiled;
}

const spatialOf = (shape: readonly Dim[] | undefined) => shape?.slice(2);

function slide(
  c: RuleContext,
  x: Type,
  channels: Dim,
  kernel: readonly Dim[] | undefined,
): Dim[] | undefined {
  const spatial = spatialOf(x.shape);
  if (x.shape === undefined || spatial === undefined) return undefined;
  if (kernel === undefined || kernel.length !== spatial.length)
    return [x.shape[0], channels, ...unknownDims(spatial.length)];
  const axes = windows(c.node, kernel);
  return [x.shape[0], channels, ...spatial.map((d, i) => positions(c.node, d, axes[i]!))];
}

/** `x` and `w` are the positions of picture and weight; quantized forms have scales between. */
const conv =
  (w: number, dtype: (c: RuleContext) => Type['dtype']): Rule =>
  (c) => {
    const weight = c.input(w).shape;
    const kernel = c.node.ints('kernel_shape') ?? weight?.slice(2);
    return [{ dtype: dtype(c), shape: slide(c, c.input(0), weight?.[0], kernel) }];
  };

const pool: Rule = (c) => {
  const x = c.input(0);
  const shape = slide(c, x, x.shape?.[1], c.node.ints('kernel_shape'));
  return [
    { dtype: x.dtype, shape },
    { dtype: 'int64', shape },
  ];
};

const globalPool: Rule = (c) => {
  const x = c.input(0);
  return [
    { dtype: x.dtype, shape: x.shape && [x.shape[0], x.shape[1], ...spatialOf(x.shape)!.map(() => 1)] },
  ];
};

const convTranspose: Rule = (c) => {
  const [x, weight] = [c.input(0), c.input(1).shape];
  const spatial = spatialOf(x.shape);
  if (x.shape === undefined || spatial === undefined) return [{ dtype: x.dtype }];
  const perGroup = weight?.[1];
  const channels = typeof perGroup === 'number' ? perGroup * c.node.int('group', 1) : undefined;
  const kernel = c.node.ints('kernel_shape') ?? weight?.slice(2) ?? unknownDims(spatial.length);
  const given = c.node.ints('output_shape')?.slice(-spatial.length);
  const extra = c.node.ints('output_padding');
  const autoPad = c.node.string('auto_pad', 'NOTSET');
  const sizes = windows(c.node, kernel).map((w, i): Dim => {
    const size = spatial[i];
    if (given !== undefined) return given[i];
    if (typeof size !== 'number') return undefined;
    if (autoPad.startsWith('SAME')) return size * w.stride;
    if (typeof w.kernel !== 'number') return undefined;
    const padding = autoPad === 'VALID' ? 0 : w.padBegin + w.padEnd;
    return w.stride * (size - 1) + (extra?.[i] ?? 0) + (w.kernel - 1) * w.dilation + 1 - padding;
  });
  return [{ dtype: x.dtype, shape: [x.shape[0], channels, ...sizes] }];
};

/** Regions by channels by pooled size. */
const roiPool: Rule = (c) => {
  const x = c.input(0);
  const size = c.node.ints('pooled_shape') ?? [c.node.int('output_height', 1), c.node.int('output_width', 1)];
  return [{ dtype: x.dtype, shape: [c.input(1).shape?.[0], x.shape?.[1], ...size] }];
};

const moveBlocks =
  (deeper: boolean): Rule =>
  (c) => {
    const x = c.input(0);
    const block = c.node.int('blocksize', 1);
    const [n, channels, h, w] = x.shape ?? [];
    const scaled = (d: Dim, up: number, down: number) =>
      typeof d === 'number' ? (d * up) / down : undefined;
    const shape = deeper
      ? [n, scaled(channels, block * block, 1), scaled(h, 1, block), scaled(w, 1, block)]
      : [n, scaled(channels, 1, block * block), scaled(h, block, 1), scaled(w, block, 1)];
    return [{ dtype: x.dtype, shape: x.shape && shape }];
  };

const col2Im: Rule = (c) => {
  const x = c.input(0);
  const [image, block] = [c.content(1), c.content(2)];
  const perPosition = block && product(block);
  const channels = x.shape?.[1];
  if (image === undefined || x.shape === undefined) return [{ dtype: x.dtype }];
  const depth = typeof channels === 'number' && perPosition ? channels / perPosition : undefined;
  return [{ dtype: x.dtype, shape: [x.shape[0], depth, ...image] }];
};

export const convolutionRules: RuleTable = {
  Conv: conv(1, (c) => c.input(0).dtype ?? c.input(1).dtype),
  'com.microsoft.FusedConv': conv(1, (c) => c.input(0).dtype),
  ConvInteger: conv(1, () => 'int32'),
  QLinearConv: conv(3, (c) => c.input(7).dtype),
  ConvTranspose: convTranspose,
  MaxPool: pool,
  AveragePool: pool,
  LpPool: pool,
  GlobalAveragePool: globalPool,
  GlobalMaxPool: globalPool,
  GlobalLpPool: globalPool,
  MaxRoiPool: roiPool,
  RoiAlign: roiPool,
  SpaceToDepth: moveBlocks(true),
  DepthToSpace: moveBlocks(false),
  Col2Im: col2Im,
};
