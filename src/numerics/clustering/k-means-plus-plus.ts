/**
 * Starting entries for Lloyd's steps: each next one is a vector drawn with a probability proportional to its weighted
 * squared distance to the entries there are. Arthur & Vassilvitskii 2007, "k-means++".
 *
 * Returns up to `k` different vectors, [entries, unit]; fewer when there are fewer different ones, which are then all
 * of them. `weights`: [count], not negative, one positive. `next`: uniform numbers in [0, 1).
 */
export function plusPlusSeeds(
  vectors: Float32Array, // [count, unit]
  weights: Float64Array | undefined,
  unit: number,
  k: number,
  next: () => number,
): Float32Array {
  const count = vectors.length / unit;
  const distance = new Float64Array(count).fill(1);
  const seeds: number[] = [];
  for (let weighted = weights !== undefined; seeds.length < Math.min(k, count); ) {
    const drawn = draw(distance, weighted ? weights : undefined, next);
    if (drawn === undefined) {
      // Nothing left that weighs anything: vectors of weight zero take the places left over.
      if (!weighted) break;
      weighted = false;
      continue;
    }
    seeds.push(drawn);
    const first = seeds.length === 1;
    for (let i = 0; i < count; i++) {
      let sum = 0;
      for (let d = 0; d < unit; d++) sum += (vectors[i * unit + d]! - vectors[drawn * unit + d]!) ** 2;
      if (first || sum < distance[i]!) distance[i] = sum;
    }
  }
  const book = new Float32Array(seeds.length * unit);
  for (const [at, seed] of seeds.entries()) {
    book.set(vectors.subarray(seed * unit, (seed + 1) * unit), at * unit);
  }
  return book;
}

/** A position with probability in proportion to distance x weight; undefined when all are zero. */
function draw(
  distance: Float64Array,
  weights: Float64Array | undefined,
  next: () => number,
): number | undefined {
  let total = 0;
  for (let i = 0; i < distance.length; i++) total += weights ? distance[i]! * weights[i]! : distance[i]!;
  if (!(total > 0)) return undefined;
  let left = next() * total;
  let last: number | undefined;
  for (let i = 0; i < distance.length; i++) {
    const share = weights ? distance[i]! * weights[i]! : distance[i]!;
    if (share === 0) continue;
    last = i;
    left -= share;
    if (left < 0) break;
  }
  return last;
}
