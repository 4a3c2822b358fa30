const { fround: f, abs } = Math;

/** Magnitudes of E2M1, doubled; codes 8..15 are the same, negative. Scales are halved in turn. */
export const magnitudes = [0, 1, 2, 3, 4, 6, 8, 12] as const;

/** ggml's search over the 16 codes: the first whose value lies nearest. */
export function nearestCode(x: number, d: number): number {
  let code = 0;
  let least = abs(x);
  for (let i = 1; i < 16; i++) {
    const value = f(magnitudes[i & 7]! * d);
    const distance = abs(f((i < 8 ? value : -value) - x));
    if (distance < least) {
      code = i;
      least = distance;
    }
  }
  return code;
}

/** Value of a code at a scale; ggml's table has no negative zero. */
export const codeValue = (code: number, d: number): number =>
  (code <= 8 ? magnitudes[code & 7]! : -magnitudes[code - 8]!) * d;

/**
 * Σ w·(x - d·l)² with the nearest levels, summed in four columns as the kernel's lanes do.
 * @param weight [length], or undefined for ones
 */
export function scaleError(x: Float32Array, weight: Float32Array | undefined, d: number): number {
  const columns = new Float32Array(4);
  for (let i = 0; i < x.length; i++) {
    const difference = f(abs(x[i]!) - f(magnitudes[nearestCode(x[i]!, d) & 7]! * d));
    columns[i & 3]! += f((weight?.[i] ?? 1) * f(difference * difference));
  }
  return f(f(columns[0]! + columns[1]!) + f(columns[2]! + columns[3]!));
}

/** Importance of a block; undefined, for ones, where all of it is zero. */
export function blockWeights(
  importance: Float32Array | undefined,
  at: number,
  length: number,
): Float32Array | undefined {
  const weights = importance?.subarray(at, at + length);
  return weights?.some((v) => v > 0) ? weights : undefined;
}

/** Two codes a byte: value j and value j + half of a group. */
export function packPairs(codes: Uint8Array, out: Uint8Array, to: number): void {
  const half = codes.length / 2;
  for (let j = 0; j < half; j++) out[to + j] = codes[j]! | (codes[j + half]! << 4);
}
