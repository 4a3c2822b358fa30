import { type Piece, rowCountOf, rowLengthOf, storedBytes, type TensorSource } from '../files/index.ts';
import { fail } from '../tensor/index.ts';

/** Rows [from, to) of a tensor. */
export interface RowRun {
  readonly tensor: TensorSource;
  readonly from: number;
  readonly to: number;
}

export interface GatheredRows {
  readonly name: string;
  readonly shape: readonly number[];
  /** Runs that rows [from, to) of the result are made of, in order; all of one type and row length. */
  readonly runs: (from: number, to: number) => readonly RowRun[];
  /** A tensor of the type that the rows have. */
  readonly like: TensorSource;
}

/**
 * A tensor made of whole rows of others: renamed, permuted, stacked, cut. Nothing is computed, so worker threads
 * read the rows from where they lie.
 */
export function gatheredRows({ name, shape, runs, like }: GatheredRows): TensorSource {
  const rows = rowCountOf(shape);
  const rowBytes = storedBytes(like.type, rowLengthOf(shape));
  const checked = (from: number, to: number) => {
    const whole = Number.isSafeInteger(from) && Number.isSafeInteger(to);
    if (!whole || from < 0 || to < from || to > rows) fail('tensor/rows', { tensor: name, from, to, rows });
    return runs(from, to);
  };
  const lie = like.pieces !== undefined;
  return {
    name,
    shape,
    type: like.type,
    async read(from, to) {
      const parts = checked(from, to);
      if (parts.length === 1) return parts[0]!.tensor.read(parts[0]!.from, parts[0]!.to);
      return readRuns(parts, rowBytes);
    },
    ...(lie && {
      pieces: (from: number, to: number): Piece[] =>
        checked(from, to).flatMap((run) => [...run.tensor.pieces!(run.from, run.to)]),
    }),
  };
}

/** Rows between the wanted ones are read along as long as all of them are no more than this many times the wanted. */
const MOST_READ_ALONG = 2;

/**
 * Reads runs that lie near each other at once: a permutation inside a head asks for single rows, and one request for
 * each would be slow on a disk and hopeless over HTTP.
 */
async function readRuns(runs: readonly RowRun[], rowBytes: number): Promise<Uint8Array> {
  const count = runs.reduce((sum, { from, to }) => sum + to - from, 0);
  const out = new Uint8Array(count * rowBytes);
  let at = 0;
  for (let i = 0; i < runs.length; ) {
    const { tensor } = runs[i]!;
    const { low, high, end } = nearRuns(runs, i);
    const bytes = await tensor.read(low, high);
    for (; i < end; i++) {
      const { from, to } = runs[i]!;
      out.set(bytes.subarray((from - low) * rowBytes, (to - low) * rowBytes), at);
      at += (to - from) * rowBytes;
    }
  }
  return out;
}

/** The most runs from `first` on that are worth one request, and the rows it spans. */
function nearRuns(runs: readonly RowRun[], first: number): { low: number; high: number; end: number } {
  const { tensor, from, to } = runs[first]!;
  let [low, high, wanted] = [from, to, to - from];
  let best = { low, high, end: first + 1 };
  for (let i = first + 1; i < runs.length && runs[i]!.tensor === tensor; i++) {
    const run = runs[i]!;
    low = Math.min(low, run.from);
    high = Math.max(high, run.to);
    wanted += run.to - run.from;
    if (high - low <= MOST_READ_ALONG * wanted) best = { low, high, end: i + 1 };
  }
  return best;
}

/** The same tensor under another name and shape; rows stay as long. */
export function renamed(tensor: TensorSource, name: string, shape: readonly number[]): TensorSource {
  const { pieces } = tensor;
  return {
    name,
    shape,
    type: tensor.type,
    read: (from, to) => tensor.read(from, to),
    ...(pieces !== undefined && { pieces: (from: number, to: number) => pieces.call(tensor, from, to) }),
  };
}
