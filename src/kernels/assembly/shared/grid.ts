/**
 * The grids of the IQ types as the searches use them; the readable twin is ../../ggml/grid.ref.ts. A point has 4
 * values of 8 levels (type parameter u32) or 8 values of 3 levels (u64): as many bytes as values. Its code holds the
 * level of the first value in the lowest bits, 3 or 2 bits each; half a code numbers the levels of half the values.
 *
 * A grid lies in memory of its module: i32 by code (its index, or minus the offset of its list), what the points
 * decode to (bytes), u16 codes, by index, then the lists of all codes that are no points: u16 count for `reference`,
 * u16 count for `best`, codes.
 */

// @ts-ignore: decorator
@inline export function levelBits<P>(): i32 {
  return sizeof<P>() == 4 ? 3 : 2;
}

// @ts-ignore: decorator
@inline export function levelMask<P>(): i32 {
  return sizeof<P>() == 4 ? 7 : 3;
}

// @ts-ignore: decorator
@inline export function levelCount<P>(): i32 {
  return sizeof<P>() == 4 ? 8 : 3;
}

/** Bits of half a code. */
// @ts-ignore: decorator
@inline export function halfBitCount<P>(): i32 {
  return sizeof<P>() == 4 ? 6 : 8;
}

// @ts-ignore: decorator
@inline function pointsAt<P>(): usize {
  return sizeof<P>() == 4 ? 4096 << 2 : 43776 << 2;
}

// @ts-ignore: decorator
@inline function codesAt<P>(): usize {
  return pointsAt<P>() + (sizeof<P>() << 10);
}

/** The index of a point, or minus the offset of the list of a code that is none. */
// @ts-ignore: decorator
@inline export function entryOf(grid: usize, code: i32): i32 {
  return load<i32>(grid + (<usize>code << 2));
}

/** What a point decodes to, a byte each, in the lower half of the vector. */
// @ts-ignore: decorator
@inline export function pointOf<P>(grid: usize, index: u32): v128 {
  const at = grid + pointsAt<P>() + <usize>index * sizeof<P>();
  return sizeof<P>() == 4 ? v128.load32_zero(at) : v128.load64_zero(at);
}

/** The code of a point. */
// @ts-ignore: decorator
@inline export function codeOf<P>(grid: usize, index: i32): i32 {
  return load<u16>(grid + codesAt<P>() + (<usize>index << 1));
}

/** Squared distances: between halves u8 [81, 81]; of each half to the second halves of all points u8 [81, 1024]. */
const BETWEEN = memory.data(81 * 81, 16);
const TO_SECOND = memory.data(81 * 1024, 16);
/** Of one first half to all points' first halves; of one code to all points. */
const TO_FIRST = memory.data(1024, 16);
const DISTANCES = memory.data(1024, 16);
const LEAST = memory.data(16, 16);
/** Half codes by the number that the table of points has for them, and the numbers of all points. */
const HALF_CODES = memory.data(81, 16);
const FIRSTS = memory.data(1024, 16);
const SECONDS = memory.data(1024, 16);

// @ts-ignore: decorator
@inline function numberAt(points: string, position: i32): i32 {
  const character = points.charCodeAt(position);
  return character - (character > 92 ? 41 : 40);
}

/** The least of DISTANCES that is at least `from`; 255 where there is none. */
function nextDistance(count: usize, from: i32): i32 {
  const limit = i8x16.splat(<i8>from);
  let least = i8x16.splat(-1);
  for (let j: usize = 0; j < count; j += 16) {
    const d = v128.load(DISTANCES + j);
    least = i8x16.min_u(least, v128.or(d, i8x16.lt_u(d, limit)));
  }
  v128.store(LEAST, least);
  let result = 255;
  for (let j: usize = 0; j < 16; j++) result = min<i32>(result, load<u8>(LEAST + j));
  return result;
}

/** Reads a table of grid-points.ts. levels: u8, what each level decodes to. Does nothing the second time. */
export function readPoints<P>(grid: usize, points: string, levels: usize): void {
  if (load<P>(grid + pointsAt<P>()) != 0) return;
  const bits = levelBits<P>();
  const halves: i32 = sizeof<P>() == 4 ? 64 : 81;
  const digits = <i32>sizeof<P>() >> 1;
  const count: usize = <usize>points.length >> 1;

  for (let n = 0; n < halves; n++) {
    let code = 0;
    for (let i = 0, rest = n; i < digits; i++, rest /= levelCount<P>()) code |= rest % levelCount<P>() << (bits * i);
    store<u8>(HALF_CODES + <usize>n, <u8>code);
  }
  memory.fill(grid, 0xff, pointsAt<P>());
  for (let j: usize = 0; j < count; j++) {
    const first = HALF_CODES + <usize>numberAt(points, <i32>j << 1);
    const second = HALF_CODES + <usize>numberAt(points, (<i32>j << 1) + 1);
    const code = <i32>load<u8>(first) | (<i32>load<u8>(second) << halfBitCount<P>());
    store<u16>(grid + codesAt<P>() + (j << 1), <u16>code);
    store<i32>(grid + (<usize>code << 2), <i32>j);
    for (let i: usize = 0; i < sizeof<P>(); i++) {
      const level = (code >> (bits * <i32>i)) & levelMask<P>();
      store<u8>(grid + pointsAt<P>() + j * sizeof<P>() + i, load<u8>(levels + <usize>level));
    }
  }
}

let listed: usize = 0;

/**
 * Makes the lists of a grid that was read: the points at the `shells` least distances (`bestShells` for best search),
 * near ones first, then by index. Does nothing the second time.
 */
export function listNeighbours<P>(grid: usize, points: string, shells: i32, bestShells: i32): void {
  const start = codesAt<P>() + (1024 << 1);
  if (load<u16>(grid + start) != 0) return;
  const levels = levelCount<P>();
  const halves: i32 = sizeof<P>() == 4 ? 64 : 81;
  const digits = <i32>sizeof<P>() >> 1;
  const count: usize = <usize>points.length >> 1;

  for (let n = 0; n < halves; n++) {
    for (let m = 0; m <= n; m++) {
      let sum = 0;
      for (let i = 0, a = n, b = m; i < digits; i++, a /= levels, b /= levels) {
        const off = (a % levels) - (b % levels);
        sum += off * off;
      }
      store<u8>(BETWEEN + <usize>(n * 81 + m), <u8>sum);
      store<u8>(BETWEEN + <usize>(m * 81 + n), <u8>sum);
    }
  }
  for (let j: usize = 0; j < count; j++) {
    store<u8>(FIRSTS + j, <u8>numberAt(points, <i32>j << 1));
    store<u8>(SECONDS + j, <u8>numberAt(points, (<i32>j << 1) + 1));
  }
  for (let n: usize = 0; n < <usize>halves; n++) {
    for (let j: usize = 0; j < count; j++)
      store<u8>(TO_SECOND + (n << 10) + j, load<u8>(BETWEEN + n * 81 + <usize>load<u8>(SECONDS + j)));
  }

  listed = start;
  for (let first: usize = 0; first < <usize>halves; first++) {
    for (let j: usize = 0; j < count; j++)
      store<u8>(TO_FIRST + j, load<u8>(BETWEEN + first * 81 + <usize>load<u8>(FIRSTS + j)));
    for (let second: usize = 0; second < <usize>halves; second++) {
      const code =
        <i32>load<u8>(HALF_CODES + first) | (<i32>load<u8>(HALF_CODES + second) << halfBitCount<P>());
      if (entryOf(grid, code) >= 0) continue;
      store<i32>(grid + (<usize>code << 2), -(<i32>listed));
      for (let j: usize = 0; j < count; j += 16)
        v128.store(DISTANCES + j, i8x16.add(v128.load(TO_FIRST + j), v128.load(TO_SECOND + (second << 10) + j)));
      addList<P>(grid, count, shells, bestShells);
    }
  }
}

/** The list of a code to whose points DISTANCES are. */
function addList<P>(grid: usize, count: usize, shells: i32, bestShells: i32): void {
  const start = grid + listed;
  let end = start + 4;
  let distance = -1;
  for (let shell = 1; shell <= bestShells; shell++) {
    distance = nextDistance(count, distance + 1);
    const wanted = i8x16.splat(<i8>distance);
    for (let j: usize = 0; j < count; j += 16) {
      let found = i8x16.bitmask(i8x16.eq(v128.load(DISTANCES + j), wanted));
      for (; found != 0; found &= found - 1) {
        store<u16>(end, <u16>codeOf<P>(grid, <i32>j + ctz(found)));
        end += 2;
      }
    }
    if (shell <= shells) store<u16>(start, <u16>((end - start - 4) >> 1));
  }
  store<u16>(start, <u16>((end - start - 4) >> 1), 2);
  listed = end - grid;
}
