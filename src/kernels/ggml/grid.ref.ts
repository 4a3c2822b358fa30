/**
 * The points that the magnitudes of 4 or 8 values may take together. A point is named by its code: the level of its
 * first value in the lowest bits, 3 bits a level where there are 8 levels (4 values), 2 bits where there are 3
 * (8 values). What is stored is a point's index.
 */
export interface Grid {
  /** Values of a point. */
  readonly dimensions: 4 | 8;
  /** Levels that a value may have. */
  readonly levels: 8 | 3;
  /** Bits of a level in a code. */
  readonly levelBits: 3 | 2;
  /** Codes by index. */
  readonly codes: Uint16Array;
  /** Index by code; -1: no point of the grid. */
  readonly indexOf: Int16Array;
  /**
   * Codes of the points at the least `shells` distances (Euclid, between levels) from a code that is no point: near
   * ones first, then by index. Made when they are asked for.
   */
  neighbours(code: number, shells: number): Uint16Array;
}

/** Reads a table of ../assembly/shared/grid-points.ts. */
export function createGrid(points: string, dimensions: 4 | 8): Grid {
  const levels = dimensions === 4 ? 8 : 3;
  const levelBits = dimensions === 4 ? 3 : 2;
  const half = dimensions / 2;
  const halfCode = (character: number) => {
    let n = character - (character > 92 ? 41 : 40);
    let code = 0;
    for (let i = 0; i < half; i++, n = Math.floor(n / levels)) code |= (n % levels) << (levelBits * i);
    return code;
  };
  const codes = Uint16Array.from(
    { length: points.length / 2 },
    (_, i) =>
      halfCode(points.charCodeAt(2 * i)) | (halfCode(points.charCodeAt(2 * i + 1)) << (levelBits * half)),
  );
  const indexOf = new Int16Array(1 << (levelBits * dimensions)).fill(-1);
  codes.forEach((code, index) => {
    indexOf[code] = index;
  });
  const levelOf = (code: number, i: number) => (code >> (levelBits * i)) & (2 ** levelBits - 1);
  const lists = new Map<number, Uint16Array>();
  return {
    dimensions,
    levels,
    levelBits,
    codes,
    indexOf,
    neighbours(code, shells) {
      const key = code * 8 + shells;
      let list = lists.get(key);
      if (list === undefined) {
        const distance = (point: number) => {
          let sum = 0;
          for (let i = 0; i < dimensions; i++) sum += (levelOf(point, i) - levelOf(code, i)) ** 2;
          return sum;
        };
        const distances = Array.from(codes, distance);
        const near = [...new Set(distances)].sort((a, b) => a - b).slice(0, shells);
        list = Uint16Array.from(near.flatMap((d) => [...codes].filter((_, i) => distances[i] === d)));
        lists.set(key, list);
      }
      return list;
    },
  };
}
