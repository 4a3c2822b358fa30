import { fail } from '../tensor/index.ts';
import { type BindRequest, wrongShape } from './bound-input.ts';
import type { PictureLayout } from './rows.ts';

export const permuted = (dims: readonly number[], from: PictureLayout) =>
  from === 'NHWC' ? [dims[2]!, dims[0]!, dims[1]!] : [dims[1]!, dims[2]!, dims[0]!];

const channelCounts: readonly unknown[] = [1, 3, 4];

/** Axis orders of the file and of the model: as said, else those that make the shapes fit, and said so. */
export function pictureLayouts(
  { port, rows, spec, guess }: BindRequest,
  picture: readonly number[],
  dims: readonly (number | string)[],
): { from: PictureLayout; to: PictureLayout } {
  const [first, , last] = dims;
  const firstOnly = channelCounts.includes(first) && !channelCounts.includes(last);
  const lastOnly = channelCounts.includes(last) && !channelCounts.includes(first);
  const to = spec.modelLayout ?? (firstOnly ? 'NCHW' : lastOnly ? 'NHWC' : undefined);
  const from = spec.layout ?? rows.layout;
  const fitting = layouts
    .filter((pair) => (from ?? pair.from) === pair.from && (to ?? pair.to) === pair.to)
    .filter((pair) => fits(dims, pair.from === pair.to ? picture : permuted(picture, pair.from)));
  const straight = fitting.find((pair) => pair.from === pair.to);
  const turned = fitting.find((pair) => pair.from !== pair.to);
  if (straight !== undefined && turned !== undefined && from !== undefined) {
    fail('data/needs', { file: rows.source, what: `"modelLayout" (NHWC or NCHW) for '${port.name}'` });
  }
  if (straight !== undefined) return straight;
  if (turned === undefined) return wrongShape(port, rows, `[${picture.join(', ')}]`);
  if (from === undefined)
    guess(`pictures of ${rows.source} are stored ${turned.from}, '${port.name}' wants ${turned.to}`);
  return turned;
}

const layouts: readonly { readonly from: PictureLayout; readonly to: PictureLayout }[] = [
  { from: 'NCHW', to: 'NCHW' },
  { from: 'NHWC', to: 'NHWC' },
  { from: 'NHWC', to: 'NCHW' },
  { from: 'NCHW', to: 'NHWC' },
];

/** Whether rows of this shape feed those dimensions; names and zeros take any size. */
export const fits = (dims: readonly (number | string)[], got: readonly number[]) =>
  dims.length === got.length && dims.every((d, i) => typeof d !== 'number' || d < 1 || d === got[i]);
