import { iq1GridBits } from '../assembly/shared/iq1-grid-bits.ts';

/** The grid of IQ1: eight digits 0, 1, 2 that stand for -1, 0, 1. */
export interface Iq1Grid {
  /** [2048, 8] */
  readonly digits: Uint8Array;
  /** [6561]: index of a point, -1 where it is not in the grid. A point's number has its first digit lowest, base 3. */
  readonly indexOf: Int16Array;
  /** Indices of the grid's points at the three least distances, near first, then by index; made when asked for. */
  neighbours(point: number): Uint16Array;
}

const POINTS = 3 ** 8;
const SHELLS = 3;

let grid: Iq1Grid | undefined;

export function iq1Grid(): Iq1Grid {
  grid ??= createGrid();
  return grid;
}

function digitsOf(point: number): number[] {
  const digits: number[] = [];
  for (let k = 0; k < 8; k++, point = Math.floor(point / 3)) digits.push(point % 3);
  return digits;
}

function createGrid(): Iq1Grid {
  const indexOf = new Int16Array(POINTS).fill(-1);
  const points: number[] = [];
  for (let point = 0; point < POINTS; point++) {
    if ((Number.parseInt(iq1GridBits[point >> 2]!, 16) >> (point & 3)) & 1)
      indexOf[point] = points.push(point) - 1;
  }
  const digits = Uint8Array.from(points.flatMap(digitsOf));
  const lists = new Map<number, Uint16Array>();
  return {
    digits,
    indexOf,
    neighbours(point) {
      let list = lists.get(point);
      if (list === undefined) lists.set(point, (list = nearest(digits, digitsOf(point))));
      return list;
    },
  };
}

function nearest(digits: Uint8Array, point: readonly number[]): Uint16Array {
  const shells = new Map<number, number[]>();
  for (let i = 0; i < digits.length / 8; i++) {
    const distance = point.reduce((sum, digit, k) => sum + (digit - digits[8 * i + k]!) ** 2, 0);
    const shell = shells.get(distance);
    if (shell === undefined) shells.set(distance, [i]);
    else shell.push(i);
  }
  const near = [...shells.keys()].sort((a, b) => a - b).slice(0, SHELLS);
  return Uint16Array.from(near.flatMap((distance) => shells.get(distance)!));
}
