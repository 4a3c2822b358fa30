import { fromFloat32 } from '../numerics/index.ts';
import type { PortInfo } from '../runtime/index.ts';
import {
  type DType,
  type DTypeArrays,
  elementCount,
  fail,
  seededRandom,
  type Tensor,
} from '../tensor/index.ts';

/**
 * Feeds made up from the ports of a model, for timing and smoke tests where there is no data. They fit by
 * type and shape only: no figure of quality may be taken from them.
 */
export interface SyntheticFeeds {
  readonly synthetic: true;
  readonly feeds: Readonly<Record<string, Tensor>>;
  /** What was assumed, in words: sizes of named dimensions. */
  readonly assumptions: readonly string[];
}

/** Sizes and seed of what is made up. */
export interface SyntheticOptions {
  /** Size of the first dimension where it has a name. Default 1. */
  readonly batch?: number;
  readonly seed?: number;
  /** Sizes of named dimensions; an unnamed one is called '<input>.<axis>'. */
  readonly dims?: Readonly<Record<string, number>>;
}

/** What a named dimension is taken for; the first pattern that fits. */
const sizesByName: readonly { readonly pattern: RegExp; readonly size: number }[] = [
  { pattern: /past|cache/i, size: 0 },
  { pattern: /batch/i, size: 1 },
  { pattern: /seq|len|token|time|step/i, size: 32 },
  { pattern: /height|width|image/i, size: 224 },
  { pattern: /sample|audio/i, size: 512 },
];
const defaultSize = 16;

type Fill = (random: () => number) => number;

/** Integers mean something: masks keep, ids index small tables, a rate is a rate. First pattern that fits. */
const integersByName: readonly { readonly pattern: RegExp; readonly fill: Fill }[] = [
  { pattern: /mask/i, fill: () => 1 },
  { pattern: /type|segment/i, fill: () => 0 },
  { pattern: /^sr$|rate/i, fill: () => 16000 },
  { pattern: /len/i, fill: () => 1 },
];
/** Smaller than any vocabulary. */
const smallId: Fill = (random) => Math.floor(random() * 10);
/** Like normalised data: mean 0, variance about 1 (a sum of three uniforms). */
const normalised: Fill = (random) => (random() + random() + random() - 1.5) * 2;

const fills: Partial<Record<DType, Fill>> = {
  float32: normalised,
  float64: normalised,
  float16: normalised,
  bool: () => 1,
  uint8: (random) => Math.floor(random() * 256),
  int8: (random) => Math.floor(random() * 256) - 128,
};

/** @throws runtime/port-type for a port no feed can be made for. */
export function syntheticFeeds(ports: readonly PortInfo[], options: SyntheticOptions = {}): SyntheticFeeds {
  const { batch = 1, seed = 1 } = options;
  const random = seededRandom(seed);
  const assumptions = new Set<string>();
  const feeds: Record<string, Tensor> = {};
  for (const port of ports) {
    const dims = port.shape.map((dim, axis) => {
      if (typeof dim === 'number') return dim;
      const name = dim === '' ? `${port.name}.${axis}` : dim;
      const given = options.dims?.[name];
      if (given !== undefined) return given;
      const size = axis === 0 && !/past|cache/i.test(name) ? batch : sizeOf(dim, batch);
      assumptions.add(`${name} = ${size}`);
      return size;
    });
    feeds[port.name] = fillTensor(port, dims, random);
  }
  return { synthetic: true, feeds, assumptions: [...assumptions] };
}

function sizeOf(name: string, batch: number): number {
  const row = sizesByName.find(({ pattern }) => pattern.test(name));
  if (row === undefined) return defaultSize;
  return row.pattern.test('batch') ? batch : row.size;
}

function fillTensor(port: PortInfo, dims: readonly number[], random: () => number): Tensor {
  const { dtype, name } = port;
  const count = elementCount(dims);
  if (dtype === 'string') return { dtype, dims, data: new Array<string>(count).fill('') } as Tensor;
  if (dtype === 'complex64' || dtype === 'complex128') {
    return fail('runtime/port-type', { model: 'the model', port: name, dtype });
  }
  const byName = integersByName.find(({ pattern }) => pattern.test(name));
  const isFloat = /^b?float/.test(dtype);
  const fill = (!isFloat && byName?.fill) || fills[dtype] || (isFloat ? normalised : smallId);
  const values = Float32Array.from({ length: count }, () => fill(random));
  const made = fromFloat32(values, dims, dtype);
  return { ...made, data: made.data as DTypeArrays[DType] } as Tensor;
}
