/**
 * Positions of the `count` largest scores, ascending; of equal scores the earlier ones.
 * `scores`: not negative, no NaN. Two counting passes over the bits, which have the order of such floats: the time
 * is linear.
 */
export function largestScores(scores: Float32Array, count: number): Uint32Array {
  const wanted = Math.max(0, Math.min(count, scores.length));
  if (wanted === 0) return new Uint32Array(0);
  // The sign of a negative zero is cut off.
  const bits = new Uint32Array(scores.buffer, scores.byteOffset, scores.length);
  const high = new Uint32Array(1 << 16);
  for (const code of bits) high[(code & 0x7fffffff) >>> 15]!++;
  const [upper, above] = descend(high, wanted);
  const low = new Uint32Array(1 << 15);
  for (const code of bits) if ((code & 0x7fffffff) >>> 15 === upper) low[code & 0x7fff]!++;
  const [lower, strictlyAbove] = descend(low, wanted - above);
  const limit = upper * 2 ** 15 + lower;
  let equal = wanted - above - strictlyAbove;
  const at = new Uint32Array(wanted);
  let found = 0;
  for (let i = 0; i < bits.length && found < wanted; i++) {
    const code = bits[i]! & 0x7fffffff;
    if (code > limit || (code === limit && equal-- > 0)) at[found++] = i;
  }
  return at;
}

/** The bin in which the `wanted`-th largest lies, and how many lie above that bin. */
function descend(bins: Uint32Array, wanted: number): [bin: number, above: number] {
  let above = 0;
  let bin = bins.length - 1;
  for (; above + bins[bin]! < wanted; bin--) above += bins[bin]!;
  return [bin, above];
}
