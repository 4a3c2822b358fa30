import type { PortInfo } from '../runtime/index.ts';
import { elementCount, fail, type Tensor } from '../tensor/index.ts';
import {
  asTensor,
  type BindRequest,
  type BoundInput,
  checkKind,
  checkSampleSize,
  fixedBatchOf,
  wrongShape,
} from './bound-input.ts';
import { type FeedPlan, type Normalisation, type Rearrangement, toFed } from './feed.ts';
import { fits, permuted, pictureLayouts } from './picture-layouts.ts';

/** Rows of one shape: axes turned round, values normalised, converted to the input's type. */
export function bindDense(request: BindRequest, stored: readonly number[]): BoundInput {
  const { port, rows, spec, guess } = request;
  const batched = !fits(port.shape, stored) || fits(port.shape.slice(1), stored);
  const dims = batched ? port.shape.slice(1) : port.shape;
  checkSampleSize(rows.source, rows.dtype, stored);

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
    // Without a batch axis one sample is one run.
    fixedBatch: batched ? fixedBatchOf(port) : 1,
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

function repeatLast(data: Tensor['data'], count: number, batch: number): Tensor['data'] {
  const row = data.length / count;
  const source = data as Float32Array;
  const out = new (source.constructor as Float32ArrayConstructor)(row * batch);
  out.set(source);
  for (let i = count; i < batch; i++) out.set(source.subarray((count - 1) * row, count * row), i * row);
  return out as Tensor['data'];
}
