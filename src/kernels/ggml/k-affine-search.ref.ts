const { fround: f, abs, min } = Math;

const scratch = new DataView(new ArrayBuffer(4));

/** ggml's nearest_int: it adds 1.5 · 2²³ and reads the low bits; beyond 2²² (and of Inf, NaN) that is what it is. */
export function nearestInt(value: number): number {
  scratch.setFloat32(0, f(value + 12582912));
  return (scratch.getUint32(0) & 0x7fffff) - 0x400000;
}

/** The grid of inverse scales that ggml tries: (top + first + step · k) / range, k = 0 .. steps. */
export interface SearchGrid {
  readonly first: number;
  readonly step: number;
  readonly steps: number;
  /** Minimizes Σ w·|x - x'| in place of Σ w·(x - x')². */
  readonly absolute: boolean;
}

/** What the search of a group found: x ≈ scale · code - minimum. */
export interface GroupSearch {
  readonly scale: number;
  readonly minimum: number;
  /** Σ w */
  readonly weight: number;
  /** The codes that it kept. */
  readonly codes: Uint8Array;
}

/**
 * ggml's search of one group: for each inverse scale of the grid the codes, for the codes the least-squares scale and
 * minimum (not below zero), for both the error. What wins moves the range that later inverse scales divide.
 * All arithmetic is float32, one rounding per operation. Source: ggml-quants.c, make_qkx2_quants, make_qkx3_quants.
 * @param x [group]
 * @param weights [group]
 */
export function searchGroup(
  x: Float32Array,
  weights: Float32Array,
  top: number,
  grid: SearchGrid,
): GroupSearch {
  const n = x.length;
  let low = x[0]!;
  let high = x[0]!;
  let sumW = weights[0]!;
  let sumX = f(sumW * x[0]!);
  for (let i = 1; i < n; i++) {
    if (x[i]! < low) low = x[i]!;
    if (x[i]! > high) high = x[i]!;
    sumW = f(sumW + weights[i]!);
    sumX = f(sumX + f(weights[i]! * x[i]!));
  }
  if (low > 0) low = 0;
  let kept = new Uint8Array(n);
  if (high === low) return { scale: 0, minimum: -low, weight: sumW, codes: kept };

  const codesAt = (inverse: number) =>
    Uint8Array.from(x, (v) => Math.max(0, min(top, nearestInt(f(inverse * f(v - low))))));
  const errorOf = (codes: Uint8Array, scale: number, minimum: number) => {
    let sum = 0;
    for (let i = 0; i < n; i++) {
      const difference = f(f(f(scale * codes[i]!) + minimum) - x[i]!);
      const penalty = grid.absolute ? abs(difference) : f(difference * difference);
      sum = f(sum + f(weights[i]! * penalty));
    }
    return sum;
  };

  const plain = f(top / f(high - low));
  let scale = f(1 / plain);
  kept = codesAt(plain);
  let best = errorOf(kept, scale, low);
  for (let k = 0; k <= grid.steps; k++) {
    const inverse = f(f(f(f(grid.first) + f(f(grid.step) * k)) + top) / f(high - low));
    const codes = codesAt(inverse);
    let l = 0;
    let ll = 0;
    let xl = 0;
    for (let i = 0; i < n; i++) {
      const wl = f(weights[i]! * codes[i]!);
      l = f(l + wl);
      ll = f(ll + f(wl * codes[i]!));
      xl = f(xl + f(wl * x[i]!));
    }
    const determinant = f(f(sumW * ll) - f(l * l));
    if (!(determinant > 0)) continue;
    let fitted = f(f(f(sumW * xl) - f(sumX * l)) / determinant);
    let minimum = f(f(f(ll * sumX) - f(l * xl)) / determinant);
    if (minimum > 0) {
      minimum = 0;
      fitted = f(xl / ll);
    }
    const error = errorOf(codes, fitted, minimum);
    if (error < best) {
      best = error;
      kept = codes;
      scale = fitted;
      low = minimum;
    }
  }
  return { scale, minimum: -low, weight: sumW, codes: kept };
}

/** Scales, or minima, of a super-block as stored: value ≈ factor · codes. */
export interface StoredScales {
  readonly factor: number;
  readonly codes: Uint8Array;
}

/** Stored scales without importance: the largest gets `top`. Source: ggml-quants.c, quantize_row_q4_K_ref. */
export function storeByLargest(values: Float32Array, top: number): StoredScales {
  let largest = 0;
  for (const v of values) if (v > largest) largest = v;
  const inverse = largest > 0 ? f(top / largest) : 0;
  return {
    factor: f(largest / top),
    codes: Uint8Array.from(values, (v) => nearestInt(f(inverse * v))),
  };
}

/**
 * Stored scales with importance: the best of nine factors, then one code at a time moves to where the least-squares
 * factor of the others wants it. Source: ggml-quants.c, make_qp_quants.
 * @param weights [groups]
 */
export function storeBySearch(values: Float32Array, weights: Float32Array, top: number): StoredScales {
  const n = values.length;
  const codes = new Uint8Array(n);
  let largest = 0;
  for (const v of values) if (v > largest) largest = v;
  if (largest < f(1e-15)) return { factor: 0, codes };

  const errorAt = (inverse: number, codeOf: (l: number) => number) => {
    const scale = f(1 / inverse);
    let sum = 0;
    for (let i = 0; i < n; i++) {
      const difference = f(values[i]! - f(scale * codeOf(nearestInt(f(inverse * values[i]!)))));
      sum = f(sum + f(f(weights[i]! * difference) * difference));
    }
    return sum;
  };
  let inverse = f(top / largest);
  let best = errorAt(inverse, (l) => l & 255);
  for (let k = -4; k <= 4; k++) {
    if (k === 0) continue;
    const candidate = f(f(f(f(0.1) * k) + top) / largest);
    const error = errorAt(candidate, (l) => min(top, l));
    if (error < best) {
      best = error;
      inverse = candidate;
    }
  }
  let xl = 0;
  let ll = 0;
  const addTo = (sums: readonly [number, number], i: number, l: number): [number, number] => [
    f(sums[0] + f(f(weights[i]! * values[i]!) * l)),
    f(sums[1] + f(f(weights[i]! * l) * l)),
  ];
  for (let i = 0; i < n; i++) {
    const l = min(top, nearestInt(f(inverse * values[i]!)));
    codes[i] = l;
    [xl, ll] = addTo([xl, ll], i, l);
  }
  for (let round = 0; round < 5; round++) {
    let moved = false;
    for (let i = 0; i < n; i++) {
      const w = weights[i]!;
      const old = codes[i]!;
      const xRest = f(xl - f(f(w * values[i]!) * old));
      const lRest = f(ll - f(f(w * old) * old));
      if (!(xRest > 0 && lRest > 0)) continue;
      const l = min(top, nearestInt(f(f(values[i]! * lRest) / xRest)));
      if (l === old) continue;
      const [xNew, lNew] = addTo([xRest, lRest], i, l);
      if (f(f(xNew * xNew) * ll) > f(f(xl * xl) * lNew)) {
        codes[i] = l;
        xl = xNew;
        ll = lNew;
        moved = true;
      }
    }
    if (!moved) break;
  }
  return { factor: ll > 0 ? f(xl / ll) : 0, codes };
}
