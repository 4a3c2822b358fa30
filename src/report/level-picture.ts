/** Eighths of a character, for heights of bars. */
const BARS = ' ▁▂▃▄▅▆▇█';

/**
 * Levels between -1 and 1 drawn on a line of `width` characters: a mark for each level while they have room, bars of
 * how many levels share a character when they have not. The second line names the ends and the middle.
 */
export function levelPicture(levels: readonly number[], width: number): string[] {
  const counts = new Array<number>(width).fill(0);
  for (const x of levels) counts[columnOf(x, width)]!++;
  const most = Math.max(...counts, 1);
  const line =
    most === 1
      ? counts.map((n) => (n > 0 ? '┼' : '─')).join('')
      : counts.map((n) => BARS[n === 0 ? 0 : Math.max(1, Math.round((n / most) * 8))]!).join('');
  const middle = columnOf(0, width);
  const scale = `-1${' '.repeat(Math.max(1, middle - 2))}0${' '.repeat(Math.max(1, width - middle - 2))}1`;
  return [line, scale];
}

/** Column of a value between -1 and 1. */
export const columnOf = (x: number, width: number): number =>
  Math.max(0, Math.min(width - 1, Math.round(((x + 1) / 2) * (width - 1))));

/** A histogram as one line of bars. */
export function barLine(counts: readonly number[]): string {
  const most = Math.max(...counts, 1);
  return counts.map((n) => BARS[n === 0 ? 0 : Math.max(1, Math.round((n / most) * 8))]!).join('');
}
