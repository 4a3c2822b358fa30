/** A = sum over i of values[i] left[i] right[i]^T. */
export interface ThinSvd {
  /** Descending, not negative. */
  readonly values: Float64Array;
  /** Orthonormal vectors as long as the given columns; zeros where the value is 0. */
  readonly left: readonly Float64Array[];
  /** Orthonormal vectors, one entry per given column. */
  readonly right: readonly Float64Array[];
}

/** Columns are orthogonal when their cosine is below this. */
const ORTHOGONAL = 1e-15;
const SWEEPS = 60;

/**
 * Singular value decomposition of a tall matrix of few columns by one-sided Jacobi rotations: pairs of columns are
 * turned until all are orthogonal; their lengths are the singular values. Small ones come out as exact as large ones.
 * (Hestenes 1958; Demmel and Veselic 1992.) The columns given are overwritten.
 */
export function thinSvd(columns: readonly Float64Array[]): ThinSvd {
  const count = columns.length;
  const right = columns.map((_, i) => Float64Array.from({ length: count }, (_, j) => (i === j ? 1 : 0)));
  for (let sweep = 0, turned = true; turned && sweep < SWEEPS; sweep++) {
    turned = false;
    for (let p = 0; p < count; p++) {
      for (let q = p + 1; q < count; q++) {
        const [a, b] = [columns[p]!, columns[q]!];
        const [aa, bb, ab] = [dot(a, a), dot(b, b), dot(a, b)];
        if (Math.abs(ab) <= ORTHOGONAL * Math.sqrt(aa) * Math.sqrt(bb)) continue;
        turned = true;
        const zeta = (bb - aa) / (2 * ab);
        const tangent = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const cosine = 1 / Math.hypot(1, tangent);
        rotate(a, b, cosine, cosine * tangent);
        rotate(right[p]!, right[q]!, cosine, cosine * tangent);
      }
    }
  }
  const lengths = columns.map((column) => Math.sqrt(dot(column, column)));
  const order = [...lengths.keys()].sort((i, j) => lengths[j]! - lengths[i]!);
  return {
    values: Float64Array.from(order, (i) => lengths[i]!),
    left: order.map((i) => (lengths[i] === 0 ? columns[i]! : columns[i]!.map((x) => x / lengths[i]!))),
    right: order.map((i) => right[i]!),
  };
}

/** Sum of products. */
export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function rotate(a: Float64Array, b: Float64Array, cosine: number, sine: number): void {
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]!, b[i]!];
    a[i] = cosine * x - sine * y;
    b[i] = sine * x + cosine * y;
  }
}
