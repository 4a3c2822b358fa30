/** From magnitudes and scales to the codes of the nearest levels, whether or not those are points of a grid. */
import { levelBits, levelCount } from './grid';
import { MAGNITUDES, ROUNDERS, roundedAt } from './grid-group';

const MAGIC: f32 = 12582912; // 1.5 * 2^23

/** ggml's nearest whole number, halves to even; beyond 2^22, and for Inf and NaN, what the bits give. */
// @ts-ignore: decorator
@inline export function nearestInt(x: f32): i32 {
  return (reinterpret<i32>(x + MAGIC) & 0x007fffff) - 0x00400000;
}

// @ts-ignore: decorator
@inline function levels4(x: usize, i: usize, rounder: v128, below: v128, most: v128): v128 {
  const t = f32x4.sub(f32x4.mul(rounder, v128.load32_splat(x + (i << 2))), below);
  const bits = f32x4.add(t, f32x4.splat(MAGIC));
  return i32x4.min_s(i32x4.max_s(bits, i32x4.splat(0x4b400000)), most);
}

/** Rounds the values of a point to levels under `vectors` times four scales: level = nearest(x · rounder - below). */
export function roundPoint<P>(point: i32, vectors: i32, below: f32): void {
  const x = MAGNITUDES + <usize>point * sizeof<P>() * 4;
  const to = roundedAt(point);
  const half = f32x4.splat(below);
  const most = i32x4.splat(0x4b400000 + levelCount<P>() - 1);
  store<i32>(to - 4, -1); // no code: a first run begins
  for (let v: usize = 0; v < <usize>vectors << 4; v += 16) {
    const rounder = v128.load(ROUNDERS + v);
    let code: v128;
    if (sizeof<P>() == 4) {
      code = levels4(x, 3, rounder, half, most);
      code = i32x4.add(i32x4.shl(code, 3), levels4(x, 2, rounder, half, most));
      code = i32x4.add(i32x4.shl(code, 3), levels4(x, 1, rounder, half, most));
      code = i32x4.add(i32x4.shl(code, 3), levels4(x, 0, rounder, half, most));
      code = i32x4.sub(code, i32x4.splat(0x4b400000 * 585)); // 1 + 8 + 64 + 512
    } else {
      code = levels4(x, 7, rounder, half, most);
      code = i32x4.add(i32x4.shl(code, 2), levels4(x, 6, rounder, half, most));
      code = i32x4.add(i32x4.shl(code, 2), levels4(x, 5, rounder, half, most));
      code = i32x4.add(i32x4.shl(code, 2), levels4(x, 4, rounder, half, most));
      code = i32x4.add(i32x4.shl(code, 2), levels4(x, 3, rounder, half, most));
      code = i32x4.add(i32x4.shl(code, 2), levels4(x, 2, rounder, half, most));
      code = i32x4.add(i32x4.shl(code, 2), levels4(x, 1, rounder, half, most));
      code = i32x4.add(i32x4.shl(code, 2), levels4(x, 0, rounder, half, most));
      code = i32x4.sub(code, i32x4.splat(0x4b400000 * 21845)); // 1 + 4 + ... + 4^7
    }
    v128.store(to + v, code);
  }
}

/** The code of a point's values under one scale, with ggml's bits even where numbers are out of any range. */
export function roundOnce<P>(point: i32, inverse: f32): i32 {
  const x = MAGNITUDES + <usize>point * sizeof<P>() * 4;
  let code = 0;
  for (let i = 0; i < <i32>sizeof<P>(); i++) {
    const level = nearestInt(<f32>0.5 * (inverse * load<f32>(x + (<usize>i << 2)) - 1));
    code |= max<i32>(0, min<i32>(levelCount<P>() - 1, level)) << (levelBits<P>() * i);
  }
  return code;
}
