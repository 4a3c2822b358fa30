import { type RansTable, ransMaxBits } from '../../kernels/index.ts';

/** A table and what it costs. */
export interface FittedTable {
  readonly table: RansTable;
  /** Bits that all the counted symbols take with it: sum of count x log2(2^bits / frequency). */
  readonly costBits: number;
}

/**
 * The frequencies of sum 2^bits, at least 1 for every symbol that occurs, that cost the fewest bits. The cost is a
 * sum of convex functions, one per frequency, so moving single slots from where they are missed least to where they
 * help most ends at the least cost there is.
 * `counts`: [256], with at least one symbol; `bits`: 8 to 14.
 */
export function fitTable(counts: Float64Array, bits: number): FittedTable {
  const slots = 2 ** bits;
  const total = counts.reduce((sum, count) => sum + count, 0);
  const used = [...counts.keys()].filter((symbol) => counts[symbol]! > 0);
  const frequencies = new Uint16Array(256);
  for (const symbol of used) frequencies[symbol] = Math.max(1, Math.round((counts[symbol]! / total) * slots));
  let sum = used.reduce((all, symbol) => all + frequencies[symbol]!, 0);
  // Bits saved by one slot more, and lost by one slot less.
  const gain = new Float64Array(256);
  const loss = new Float64Array(256);
  const weigh = (symbol: number) => {
    const [count, frequency] = [counts[symbol]!, frequencies[symbol]!];
    gain[symbol] = count * Math.log2(1 + 1 / frequency);
    loss[symbol] =
      frequency === 1 ? Number.POSITIVE_INFINITY : count * Math.log2(frequency / (frequency - 1));
  };
  for (const symbol of used) weigh(symbol);
  const change = (symbol: number, by: number) => {
    frequencies[symbol]! += by;
    weigh(symbol);
  };
  const best = () => used.reduce((a, b) => (gain[b]! > gain[a]! ? b : a));
  const least = () => used.reduce((a, b) => (loss[b]! < loss[a]! ? b : a));
  for (; sum < slots; sum++) change(best(), 1);
  for (; sum > slots; sum--) change(least(), -1);
  for (let moves = 0; moves < slots; moves++) {
    const [to, from] = [best(), least()];
    if (to === from || gain[to]! <= loss[from]!) break;
    change(to, 1);
    change(from, -1);
  }
  let costBits = 0;
  for (const symbol of used) costBits += counts[symbol]! * (bits - Math.log2(frequencies[symbol]!));
  return { table: { bits, frequencies }, costBits };
}

/** Slots that are tried: small tables are stored in fewer bytes, large ones hold rare symbols better. */
const tried = [8, 10, 12, ransMaxBits];

/** The table whose symbols and own bytes together take the fewest bits. */
export function chooseTable(counts: Float64Array, sizeBytes: (table: RansTable) => number): FittedTable {
  const used = counts.reduce((sum, count) => sum + (count > 0 ? 1 : 0), 0);
  const whole = (fitted: FittedTable) => fitted.costBits + 8 * sizeBytes(fitted.table);
  return tried
    .filter((bits) => 2 ** bits >= used)
    .map((bits) => fitTable(counts, bits))
    .reduce((a, b) => (whole(b) < whole(a) ? b : a));
}
