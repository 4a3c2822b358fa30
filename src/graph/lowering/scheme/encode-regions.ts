import {
  type Codes,
  encodedTiles,
  formats,
  type NumberFormat,
  type QuantizedTensor,
} from '../../../numerics/index.ts';
import { bitPlanes, planeLength, putCodes } from './bit-planes.ts';
import type { Region, Regions } from './regions.ts';

/** The constants of one region, in the order of its blocks. */
export interface RegionParts {
  /** Bytes of each plane of the codes. */
  readonly codes: readonly Uint8Array[];
  /** [blocks] */
  readonly scale: Float32Array;
  /** Bytes of each plane of the zero points. */
  readonly zeroPoint: readonly Uint8Array[];
  /** The same as reals, [blocks]. */
  readonly realZero: Float32Array;
  /** [blocks, book of one block] */
  readonly book: Float32Array;
}

/** Codes of one block: the last unit of a block is filled up. */
export const unitsOf = ({ size }: Region, unit: number): number => Math.ceil(size / unit);

/** Sorts the codes, scales, zero points and books of a tensor into its regions. */
export function encodeRegions(q: QuantizedTensor, regions: Regions): ReadonlyMap<Region, RegionParts> {
  const format: NumberFormat = formats[q.scheme.format];
  const { bits, unit, bookSize, symmetricZero } = format;
  const planes = bitPlanes(bits);
  const parts = new Map<Region, RegionParts>();
  const at = new Map<Region, number>();
  for (const region of regions.grid.flat()) {
    const { blocks } = region;
    const codes = blocks * unitsOf(region, unit);
    at.set(region, 0);
    parts.set(region, {
      codes: planes.map((plane) => new Uint8Array(planeLength(plane, codes))),
      scale: new Float32Array(blocks),
      zeroPoint: planes.map((plane) => new Uint8Array(planeLength(plane, blocks))),
      realZero: new Float32Array(blocks),
      book: new Float32Array(blocks * bookSize),
    });
  }
  const zero = format.createCodes(1);
  for (const { tile, encoded } of encodedTiles(q)) {
    const { rows, length, block } = tile.layout;
    let code = 0;
    let index = 0;
    for (let row = 0; row < rows; row++) {
      for (let from = 0; from < length; from += block, index++) {
        const size = Math.min(block, length - from);
        const region = regions.regionOf(length, size);
        const own = parts.get(region)!;
        const here = at.get(region)!;
        at.set(region, here + 1);
        const units = Math.ceil(size / unit);
        put(own.codes, bits, here * units, encoded.codes.subarray(code, code + units) as Codes);
        code += units;
        own.scale[here] = encoded.scale[index]!;
        zero[0] = encoded.zeroPoint?.[index] ?? symmetricZero;
        put(own.zeroPoint, bits, here, zero);
        own.realZero[here] = encoded.realZero?.[index] ?? zero[0]!;
        if (encoded.book) {
          own.book.set(encoded.book.subarray(index * bookSize, (index + 1) * bookSize), here * bookSize);
        }
      }
    }
  }
  return parts;
}

function put(bytes: readonly Uint8Array[], bits: number, at: number, codes: Codes): void {
  for (const [i, plane] of bitPlanes(bits).entries()) putCodes(bytes[i]!, plane, at, codes);
}
