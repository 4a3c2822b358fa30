import type { CompositeTensor } from '../../../numerics/index.ts';
import { encodeRegions, type RegionParts } from './encode-regions.ts';
import { type Region, type Regions, regionsOf } from './regions.ts';

/** The constants of one weight. */
export interface CompositeParts {
  readonly base: ReadonlyMap<Region, RegionParts>;
  /** Scales that are codes themselves, and what was taken off them. */
  readonly scales?: { readonly parts: ReadonlyMap<Region, RegionParts>; readonly mean: number };
  readonly outliers?: CompositeTensor['outliers'];
  readonly lowRank?: CompositeTensor['lowRank'];
}

/** Sorts a composite into the constants of its nodes. `scaleRegions`: those of the flat scales. */
export function encodeComposite(
  { base, scales, outliers, lowRank }: CompositeTensor,
  regions: Regions,
  scaleRegions: Regions | undefined,
): CompositeParts {
  return {
    base: encodeRegions(base, regions),
    ...(scales &&
      scaleRegions && { scales: { parts: encodeRegions(scales.codes, scaleRegions), mean: scales.mean } }),
    ...(outliers && { outliers }),
    ...(lowRank && { lowRank }),
  };
}

/** The regions of the flat scales under their own scheme; undefined where scales are stored as they are. */
export const scaleRegionsOf = (block: number | undefined, count: number): Regions | undefined =>
  block === undefined ? undefined : regionsOf({ kind: 'per-group', axis: 0, size: block }, [count]);
