/**
 * Deterministic uniform numbers in [0, 1): SplitMix32, the same numbers on every machine.
 * Not for secrets. (Steele, Lea, Flood 2014, with 32-bit constants.)
 */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32;
  };
}
