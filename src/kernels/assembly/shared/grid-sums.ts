/** Σ w x q and Σ w q² of a group, in the order of its values; q is 1, 3, 5, ... */
import { levelBits, levelMask } from './grid';
import { chosenAt, WEIGHTS } from './grid-group';

/** f32 [32]: w x; the sums by scale. */
export const PRODUCTS = memory.data(32 << 2, 16);
export const SUM_XQ = memory.data(32 << 2, 16);
export const SUM_QQ = memory.data(32 << 2, 16);

/** Results of `sumCodes`: AssemblyScript has no tuples. */
export let sumXq: f32 = 0;
export let sumQq: f32 = 0;

// @ts-ignore: decorator
@inline function levelOf<P>(twice: v128, i: i32): v128 {
  const q = v128.and(i32x4.shr_u(twice, levelBits<P>() * i), i32x4.splat(levelMask<P>() << 1));
  return f32x4.convert_i32x4_s(v128.or(q, i32x4.splat(1)));
}

/** Fills SUM_XQ and SUM_QQ under 4 · `vectors` scales, two vectors at a time. */
export function sumVectors<P>(points: i32, vectors: i32): void {
  for (let v = 0; v < vectors; v += 2) {
    const at = <usize>v << 4;
    let xq = f32x4.splat(0);
    let qq = xq;
    let xq2 = xq;
    let qq2 = xq;
    let i: usize = 0;
    for (let k = 0; k < points; k++) {
      const chosen = chosenAt(k) + at;
      const twice = i32x4.shl(v128.load(chosen), 1);
      const twice2 = i32x4.shl(v128.load(chosen, 16), 1);
      for (let j = 0; j < <i32>sizeof<P>(); j++, i += 4) {
        const w = v128.load32_splat(WEIGHTS + i);
        const wx = v128.load32_splat(PRODUCTS + i);
        const q = levelOf<P>(twice, j);
        const q2 = levelOf<P>(twice2, j);
        xq = f32x4.add(xq, f32x4.mul(wx, q));
        qq = f32x4.add(qq, f32x4.mul(f32x4.mul(w, q), q));
        xq2 = f32x4.add(xq2, f32x4.mul(wx, q2));
        qq2 = f32x4.add(qq2, f32x4.mul(f32x4.mul(w, q2), q2));
      }
    }
    v128.store(SUM_XQ + at, xq);
    v128.store(SUM_QQ + at, qq);
    v128.store(SUM_XQ + at, xq2, 16);
    v128.store(SUM_QQ + at, qq2, 16);
  }
}

/** sumXq and sumQq of one choice of points. codes: i32 [points] */
export function sumCodes<P>(points: i32, codes: usize): void {
  let xq: f32 = 0;
  let qq: f32 = 0;
  let i: usize = 0;
  for (let k = 0; k < points; k++) {
    const twice = load<i32>(codes + (<usize>k << 2)) << 1;
    for (let j = 0; j < <i32>sizeof<P>(); j++, i += 4) {
      const q = <f32>(((twice >> (levelBits<P>() * j)) & (levelMask<P>() << 1)) | 1);
      xq += load<f32>(PRODUCTS + i) * q;
      qq += load<f32>(WEIGHTS + i) * q * q;
    }
  }
  sumXq = xq;
  sumQq = qq;
}
