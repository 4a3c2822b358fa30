import type { PortInfo } from '../runtime/index.ts';
import { type DType, elementCount, fail, type Tensor } from '../tensor/index.ts';
import type { InputSpec } from './dataset-spec.ts';
import { type FeedPlan, type Normalisation, type Rearrangement, toFed, whyNotFed } from './feed.ts';
import type { PictureLayout, Rows } from './rows.ts';

/** Rows bound to one input of the model: makes the tensor of a batch. */
export interface BoundInput {
  readonly port: PortInfo;
  readonly rows: Rows;
  /** `batch` rows from `start`, of which `count` exist; the last one is repeated to fill a fixed batch. */
  feed(start: number, count: number, batch: number): Promise<Fed>;
}

export interface Fed {
  readonly tensor: Tensor;
  /** Real length of each row, where they are padded. */
  readonly lengths?: Int32Array;
}

interface BindRequest {
  readonly port: PortInfo;
  readonly rows: Rows;
  readonly spec: InputSpec;
  /** Nobody described the data: say what is assumed. */
  readonly guess: (text: string) => void;
  readonly guessing: boolean;
}

/**
 * Matches stored rows with an input: axes, element type, normalisation.
 * @throws data/shape, data/dtype with got against wanted; data/needs where the axes are ambiguous.
 */
export function bindInput(request: BindRequest): BoundInput {
  const { port, rows } = request;
  return rows.dims === undefined ? bindLists(request) : bindDense(request, rows.dims);
  function bindLists({ spec, guess }: BindRequest): BoundInput {
    const size = port.shape[1];
    if (port.shape.length !== 2) wrongShape(port, rows, 'lists of different lengths');
    const wanted = spec.length ?? (typeof size === 'number' && size > 0 ? size : undefined);
    checkKind(request, false);
    const pad = spec.pad ?? 0;
    if (spec.pad === undefined) guess(`shorter rows of '${port.name}' are filled with ${pad}`);
    if (wanted !== undefined && (rows.longest ?? 0) > wanted) {
      guess(`rows of '${port.name}' longer than ${wanted} are cut (the longest is ${rows.longest})`);
    }
    return {
      port,
      rows,
      feed: (start, count, batch) => feedLists(port, rows, { start, count, batch, wanted, pad }),
    };
  }
}

/** Shape of one sample as the model's input wants it; the first axis is the batch unless ranks say otherwise. */
function sampleShape(port: PortInfo, rank: number): { dims: readonly (number | string)[]; batched: boolean } {
  const batched = port.shape.length !== rank || port.shape.length === 0 || port.shape[0] !== 1;
  return batched ? { dims: port.shape.slice(1), batched } : { dims: port.shape, batched };
}

function bindDense(request: BindRequest, stored: readonly number[]): BoundInput {
  const { port, rows, spec, guess } = request;
  let { dims, batched } = sampleShape(port, stored.length);
  // A whole tensor of the model's own rank with batch 1: [1, 3, 240, 320] rows feed [1, 3, 240, 320].
  if (!batched && !fits(dims, stored)) ({ dims, batched } = { dims: port.shape.slice(1), batched: true });

  const picture = stored.length === 3 && dims.length === 3 ? stored : undefined;
  let arranged: readonly number[] = stored;
  let rearrangement: Rearrangement | undefined;
  if (picture !== undefined) {
    const layouts = pictureLayouts(request, picture, dims);
    arranged = layouts.from === layouts.to ? picture : permuted(picture, layouts.from);
    if (fits(dims, arranged)) {
      const channels = layouts.from === 'NHWC' ? picture[2]! : picture[0]!;
      if (spec.channels === 'BGR' && channels !== 3) {
        wrongSpec(port, `"channels": "BGR" wants 3 channels, and ${rows.source} has ${channels}`);
      }
      rearrangement = {
        channels,
        pixels: elementCount(picture) / channels,
        ...layouts,
        reverseChannels: spec.channels === 'BGR',
      };
    }
  } else if (!fits(dims, stored) && dims.every((d) => typeof d === 'number' && d > 0)) {
    // The same elements in the same order, with axes of one added or the picture as one row.
    if (elementCount(dims as number[]) === elementCount(stored)) {
      if (withoutOnes(stored) !== withoutOnes(dims)) {
        guess(
          `samples [${stored.join(', ')}] of ${rows.source} are read as [${dims.join(', ')}] for '${port.name}'`,
        );
      }
      arranged = dims as number[];
    }
  }
  if (!fits(dims, arranged)) wrongShape(port, rows, `[${stored.join(', ')}]`);

  const normalisation = normalisationOf(request, picture !== undefined || arranged !== stored);
  rearrangement ??= featureChannels(normalisation, arranged);
  checkChannels(request, normalisation, rearrangement?.channels ?? 1);
  checkKind(request, normalisation !== undefined);
  const identity = rearrangement?.from === rearrangement?.to && rearrangement?.reverseChannels !== true;
  const plan: FeedPlan = {
    stored: rows.dtype,
    wanted: port.dtype,
    normalisation,
    rearrangement: identity && normalisation === undefined ? undefined : rearrangement,
  };
  return {
    port,
    rows,
    async feed(start, count, batch) {
      const block = await rows.read(start, count);
      const data = toFed(plan, block.data);
      const shape = batched ? [batch, ...arranged] : [...arranged];
      return { tensor: asTensor(port.dtype, shape, batch > count ? repeatLast(data, count, batch) : data) };
    },
  };
}

/** Axes of length one order nothing. */
const withoutOnes = (dims: readonly (number | string)[]) => dims.filter((d) => d !== 1).join(', ');

const permuted = (dims: readonly number[], from: PictureLayout) =>
  from === 'NHWC' ? [dims[2]!, dims[0]!, dims[1]!] : [dims[1]!, dims[2]!, dims[0]!];

const channelCounts: readonly unknown[] = [1, 3, 4];

/** Axis orders of the file and of the model: as said, else those that make the shapes fit, and said so. */
function pictureLayouts(
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
const fits = (dims: readonly (number | string)[], got: readonly number[]) =>
  dims.length === got.length && dims.every((d, i) => typeof d !== 'number' || d < 1 || d === got[i]);

function normalisationOf(
  { port, rows, spec, guess, guessing }: BindRequest,
  picture: boolean,
): Normalisation | undefined {
  const given = spec.scale !== undefined || spec.mean !== undefined || spec.std !== undefined;
  if (!given && guessing && picture && rows.dtype === 'uint8' && port.dtype.includes('float')) {
    guess(
      `pixels of '${port.name}' are divided by 255, with no mean and std: dataset.json can say otherwise`,
    );
    return { scale: { divisor: 255 }, mean: [0], std: [1] };
  }
  if (!given) return undefined;
  const list = (v: number | readonly number[] | undefined, fallback: number) =>
    v === undefined ? [fallback] : typeof v === 'number' ? [v] : v;
  const scale = typeof spec.scale === 'string' ? { divisor: Number(spec.scale.slice(2)) } : (spec.scale ?? 1);
  return { scale, mean: list(spec.mean, 0), std: list(spec.std, 1) };
}

/** mean and std per feature: the last axis of rows that are no pictures. */
function featureChannels(n: Normalisation | undefined, dims: readonly number[]): Rearrangement | undefined {
  const channels = dims.at(-1) ?? 1;
  if (n === undefined || (n.mean.length === 1 && n.std.length === 1)) return undefined;
  return {
    channels,
    pixels: elementCount(dims) / channels,
    from: 'NHWC',
    to: 'NHWC',
    reverseChannels: false,
  };
}

function checkChannels({ port }: BindRequest, n: Normalisation | undefined, channels: number): void {
  for (const [key, list] of Object.entries({ mean: n?.mean ?? [0], std: n?.std ?? [1] })) {
    if (list.length === 1 || list.length === channels) continue;
    const wanted = channels === 1 ? '1' : `1 or ${channels}, one per channel`;
    wrongSpec(port, `"${key}" has ${list.length} numbers, wanted ${wanted}`);
  }
}

function wrongSpec(port: PortInfo, problem: string): never {
  fail('data/spec-invalid', { where: `the description of input '${port.name}'`, problems: [problem] });
}

function checkKind({ port, rows }: BindRequest, normalised: boolean): void {
  const why = whyNotFed(rows.dtype, port.dtype, normalised);
  if (why !== undefined) {
    fail('data/dtype', {
      input: port.name,
      file: rows.source,
      got: `${rows.dtype} (${why})`,
      wanted: port.dtype,
    });
  }
}

function wrongShape(port: PortInfo, rows: Rows, got: string): never {
  fail('data/shape', {
    input: port.name,
    file: rows.source,
    got,
    wanted: `[${port.shape.slice(1).join(', ')}]`,
  });
}

async function feedLists(
  port: PortInfo,
  rows: Rows,
  request: { start: number; count: number; batch: number; wanted: number | undefined; pad: number },
): Promise<Fed> {
  const { start, count, batch, wanted, pad } = request;
  const block = await rows.read(start, count);
  const stored = block.lengths!;
  const width = wanted ?? stored.reduce((a, b) => Math.max(a, b), 1);
  const padded = new Float64Array(batch * width).fill(pad);
  const lengths = new Int32Array(batch);
  let at = 0;
  for (let row = 0; row < batch; row++) {
    const source = Math.min(row, count - 1);
    if (row < count && row > 0) at += stored[row - 1]!;
    const length = Math.min(stored[source]!, width);
    for (let i = 0; i < length; i++) padded[row * width + i] = Number(block.data[at + i]);
    lengths[row] = length;
  }
  const plan: FeedPlan = { stored: 'float64', wanted: port.dtype };
  return { tensor: asTensor(port.dtype, [batch, width], toFed(plan, padded)), lengths };
}

function repeatLast(data: Tensor['data'], count: number, batch: number): Tensor['data'] {
  const row = data.length / count;
  const source = data as Float32Array;
  const out = new (source.constructor as Float32ArrayConstructor)(row * batch);
  out.set(source);
  for (let i = count; i < batch; i++) out.set(source.subarray((count - 1) * row, count * row), i * row);
  return out as Tensor['data'];
}

export function asTensor(dtype: DType, dims: readonly number[], data: Tensor['data']): Tensor {
  return { dtype, dims, data };
}
