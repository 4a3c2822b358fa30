import type { Scheme } from '../../numerics/index.ts';
import { byteLengthOf, elementCount } from '../../tensor/index.ts';
import type { Node } from '../node.ts';
import { lazyWeight, type Weight } from '../weight.ts';
import type { CodeLayout, EncodedParts, Part } from './code-layout.ts';
import type { QuantizedWeightRecord, WeightQuantizer } from './lowering.ts';

/** Weights of more values than this are quantized in tiles of rows, where the scheme and the method allow. */
const TILE_VALUES = 4 * 1024 * 1024;

/** Keeps the encoded bytes of one tensor: its codes, scales and zero points are written one after another. */
export class OneTensorCache<T = EncodedParts> {
  #key: object | undefined;
  #value: Promise<T> | undefined;

  get(key: object, produce: () => Promise<T>): Promise<T> {
    if (this.#key !== key || this.#value === undefined) {
      this.#key = key;
      const value = produce();
      this.#value = value;
      value.catch(() => {
        if (this.#value === value) this.#value = undefined;
      });
    }
    return this.#value;
  }
}

export interface CodedWeight {
  readonly codes: Weight;
  readonly scale: Weight;
  readonly zeroPoint?: Weight;
  readonly record: QuantizedWeightRecord;
}

export interface CodedWeightRequest {
  readonly name: string;
  readonly node: Node;
  readonly weight: Weight;
  readonly scheme: Scheme;
  readonly layout: CodeLayout;
  readonly quantizer: WeightQuantizer;
  readonly cache: OneTensorCache;
}

/**
 * A weight as codes, scales and zero points that are computed when they are read, together and once.
 * The byte counts of the record follow from the layout alone.
 */
export function codeWeight(request: CodedWeightRequest): CodedWeight {
  const { weight, layout, cache, scheme } = request;
  const key = {};
  const produce = () => cache.get(key, () => encodeParts(request));
  const part = (p: Part, name: keyof EncodedParts): Weight =>
    lazyWeight(p.dtype, p.dims, async () => (await produce())[name]!);
  const bytes = (p: Part | undefined) => (p === undefined ? 0 : byteLengthOf(p.dtype, elementCount(p.dims)));
  return {
    codes: part(layout.codes, 'codes'),
    scale: part(layout.scale, 'scale'),
    ...(layout.zeroPoint && { zeroPoint: part(layout.zeroPoint, 'zeroPoint') }),
    record: {
      name: request.name,
      node: nameOf(request.node),
      op: request.node.kind,
      format: scheme.format,
      granularity: granularityText(scheme),
      values: elementCount(weight.dims),
      floatBytes: weight.byteLength,
      codeBytes: bytes(layout.codes),
      // Float16 scales are written by the float16 lowering that follows; they count as what they become.
      scaleBytes: bytes(layout.scale) / (scheme.scaleType === 'float16' ? 2 : 1),
      zeroPointBytes: bytes(layout.zeroPoint),
    },
  };
}

/** How records name a node: its name, or its first output where it has none. */
export const nameOf = (node: Node): string => node.name || (node.outputs[0] ?? '');

/** 'per-tensor', 'per-channel(0)', 'per-group(0, 32)', 'per-block(128 x 128)'. */
export function granularityText({ granularity }: Scheme): string {
  switch (granularity.kind) {
    case 'per-tensor':
      return 'per-tensor';
    case 'per-channel':
      return `per-channel(${granularity.axis})`;
    case 'per-group':
      return `per-group(${granularity.axis}, ${granularity.size})`;
    case 'per-token':
      return 'per-token';
    case 'per-block':
      return `per-block(${granularity.size.join(' x ')})`;
  }
}

async function encodeParts(request: CodedWeightRequest): Promise<EncodedParts> {
  const { weight, layout, scheme, quantizer, name, node } = request;
  const buffer = (p: Part) => new Uint8Array(byteLengthOf(p.dtype, elementCount(p.dims)));
  const out: EncodedParts = {
    codes: buffer(layout.codes),
    scale: buffer(layout.scale),
    ...(layout.zeroPoint && { zeroPoint: buffer(layout.zeroPoint) }),
  };
  for (const [row, tile] of tilesOf(weight, rowsPerTile(request))) {
    layout.write(await quantizer({ name, node, weight: tile, scheme }), row, out);
  }
  return out;
}

/** Rows quantized at once: all of them when a scale spans rows, or the method must see the whole weight. */
function rowsPerTile({ weight, scheme, quantizer, layout }: CodedWeightRequest): number {
  const rows = weight.dims[0] ?? 1;
  const { granularity } = scheme;
  const rowSize = elementCount(weight.dims.slice(1));
  const spansRows =
    granularity.kind === 'per-tensor' || (granularity.kind === 'per-channel' && granularity.axis !== 0);
  if (!quantizer.byRows || layout.whole || spansRows || rows * rowSize <= TILE_VALUES) return rows;
  const unit = granularity.kind === 'per-group' && granularity.axis === 0 ? granularity.size : 1;
  return Math.max(unit, Math.floor(TILE_VALUES / rowSize / unit) * unit);
}

function* tilesOf(weight: Weight, rows: number): Generator<[number, Weight]> {
  const total = weight.dims[0] ?? 1;
  if (rows >= total) return yield [0, weight];
  for (let row = 0; row < total; row += rows) yield [row, rowsOf(weight, row, Math.min(rows, total - row))];
}

/** Rows [row, row + rows) of a weight whose elements are whole bytes. */
function rowsOf(weight: Weight, row: number, rows: number): Weight {
  const rowBytes = weight.byteLength / weight.dims[0]!;
  return {
    dtype: weight.dtype,
    dims: [rows, ...weight.dims.slice(1)],
    byteLength: rows * rowBytes,
    read: (offset = 0, length = rows * rowBytes - offset) => weight.read(row * rowBytes + offset, length),
  };
}

/** The same bytes under another shape of as many values. */
export function reshapeWeight(weight: Weight, dims: readonly number[]): Weight {
  return { dtype: weight.dtype, dims, byteLength: weight.byteLength, read: (o, l) => weight.read(o, l) };
}
