import type { Grid } from './grid.ref.ts';
import { emptyGridBlock, type GridBlock, type GridFormat } from './grid-format.ref.ts';
import { halfBits } from './half.ref.ts';
import { nearestInt } from './nearest-int.ref.ts';

const { fround: f, max, min, sqrt } = Math;

/** Level 0, 1, 2, ... is 1, 3, 5, ... to ggml's search. */
const odd = (level: number) => 2 * level + 1;

/**
 * ggml's search for one block of a grid type. For each group it tries scales around largest / (largest level); each
 * rounds the group to levels, moves what is no point of the grid to the best of its neighbours, and the scale that
 * explains most, (Σ w x q)² / Σ w q², wins with the scale Σ w x q / Σ w q². Then the points are searched once more
 * under that scale. Source: ggml-quants.c, quantize_row_iq2_xxs_impl to quantize_row_iq3_s_impl (llama.cpp v0.5.0).
 * @param values [256]
 * @param importance [256]
 */
export function referenceGridBlock(
  format: GridFormat,
  values: Float32Array,
  importance: Float32Array | undefined,
): GridBlock {
  const { grid, group, evenSigns, shells, reference } = format;
  const block = emptyGridBlock(format);
  const groups = 256 / group;
  const points = group / grid.dimensions;
  let squares = 0;
  for (const x of values) squares = f(squares + f(x * x));
  const variance = f(f(reference.spread * squares) / 256);

  const scales = new Float32Array(groups);
  for (let g = 0; g < groups; g++) {
    const x = values.subarray(g * group, (g + 1) * group);
    const weights = new Float32Array(group); // of the scale's fit
    for (let i = 0; i < group; i++) {
      const column = importance?.[g * group + i];
      weights[i] =
        column === undefined
          ? reference.weight(x[i]!, variance)
          : f(column * f(sqrt(f(variance + f(x[i]! * x[i]!)))));
    }
    const roots = weights.map((w) => f(sqrt(w))); // weights of the choice of points
    const signs = block.signs.subarray((g * group) / 8, ((g + 1) * group) / 8);
    const magnitudes = splitSigns(x, weights, evenSigns, signs);

    let largest = magnitudes[0]!;
    for (const y of magnitudes) largest = max(largest, y);
    const top = odd(grid.levels - 1);
    let scale = f(largest / top);
    let empty = largest < f(reference.smallest);
    if (!empty && reference.start) {
      scale = reference.start(magnitudes, weights);
      largest = f(scale * grid.levels);
      empty = largest <= 0;
    }
    if (empty) {
      block.left[g] = 1;
      signs.fill(0);
      continue;
    }

    let best = 0;
    const codes = block.codes.subarray(g * points, (g + 1) * points);
    let onGrid = Array.from(codes, () => reference.again === 'off-grid');
    for (let i = -reference.reach; i <= reference.reach; i++) {
      const inverse = f(f(top + f(i * f(reference.step))) / largest);
      const rounded = Uint16Array.from(codes, (_, k) => round(grid, magnitudes, k, inverse));
      const tried = rounded.map((code, k) =>
        nearest(grid, code, shells, magnitudes, roots, k, f(1 / inverse)),
      );
      const { xq, qq } = sums(grid, tried, magnitudes, weights);
      if (qq > 0 && f(xq * xq) > f(best * qq)) {
        scale = f(xq / qq);
        best = f(scale * xq);
        codes.set(tried);
        onGrid = Array.from(rounded, (code) => grid.indexOf[code]! >= 0);
      }
    }

    const again = reference.again === 'always' || onGrid.includes(false);
    if (again && scale > 0) {
      for (let k = 0; k < points; k++) {
        if (reference.again === 'off-grid' && onGrid[k]) continue;
        const code = round(grid, magnitudes, k, f(1 / scale));
        codes[k] = nearest(grid, code, shells, magnitudes, roots, k, scale);
      }
      const { xq, qq } = sums(grid, codes, magnitudes, weights);
      if (qq > 0) scale = f(xq / qq);
    }
    if (scale < 0) {
      scale = -scale;
      for (let k = 0; k < signs.length; k++) signs[k]! ^= 255;
    }
    scales[g] = scale;
  }

  const most = max(...scales);
  if (most === 0) return emptyGridBlock(format);
  const d = f(most / 31);
  block.d = halfBits(f(d * f(reference.stretch)));
  for (let g = 0; g < groups; g++) {
    const code = nearestInt(f(0.5 * f(f(f(1 / d) * scales[g]!) - 1)));
    block.scales[g] = max(0, min(15, code));
  }
  return block;
}

/** Magnitudes and signs; where an odd number of 8 is minus, the value that weighs least changes its sign. */
function splitSigns(
  x: Float32Array,
  weights: Float32Array,
  evenSigns: boolean,
  signs: Uint8Array,
): Float32Array {
  const magnitudes = x.map((v) => (v >= 0 ? v : -v));
  for (let at = 0; at < x.length; at += 8) {
    let bits = 0;
    let count = 0;
    for (let i = 0; i < 8; i++) {
      if (x[at + i]! >= 0) continue;
      bits |= 1 << i;
      count++;
    }
    if (evenSigns && count % 2 === 1) {
      const cost = (i: number) => f(f(weights[at + i]! * x[at + i]!) * x[at + i]!);
      let least = 0;
      for (let i = 1; i < 8; i++) if (cost(i) < cost(least)) least = i;
      magnitudes[at + least] = -magnitudes[at + least]!;
      bits ^= 1 << least;
    }
    signs[at / 8] = bits;
  }
  return magnitudes;
}

/** The code whose levels are nearest to the values of point k. */
function round(grid: Grid, magnitudes: Float32Array, k: number, inverse: number): number {
  let code = 0;
  for (let i = 0; i < grid.dimensions; i++) {
    const y = magnitudes[k * grid.dimensions + i]!;
    const level = nearestInt(f(0.5 * f(f(inverse * y) - 1)));
    code |= max(0, min(grid.levels - 1, level)) << (grid.levelBits * i);
  }
  return code;
}

/** The code itself if it is a point; otherwise the neighbour of least Σ root · (scale · q - y)². */
function nearest(
  grid: Grid,
  code: number,
  shells: number,
  magnitudes: Float32Array,
  roots: Float32Array,
  k: number,
  scale: number,
): number {
  if (grid.indexOf[code]! >= 0) return code;
  const mask = 2 ** grid.levelBits - 1;
  const neighbours = grid.neighbours(code, shells);
  let best = neighbours[0]!;
  let least = 3.4028234663852886e38;
  for (const neighbour of neighbours) {
    let sum = 0;
    for (let i = 0; i < grid.dimensions; i++) {
      const q = odd((neighbour >> (grid.levelBits * i)) & mask);
      const off = f(f(scale * q) - magnitudes[k * grid.dimensions + i]!);
      sum = f(sum + f(f(roots[k * grid.dimensions + i]! * off) * off));
    }
    if (sum < least) {
      least = sum;
      best = neighbour;
    }
  }
  return best;
}

/** Σ w y q and Σ w q² over a group. */
function sums(grid: Grid, codes: Uint16Array, magnitudes: Float32Array, weights: Float32Array) {
  const mask = 2 ** grid.levelBits - 1;
  let xq = 0;
  let qq = 0;
  for (let i = 0; i < magnitudes.length; i++) {
    const code = codes[Math.floor(i / grid.dimensions)]!;
    const q = odd((code >> (grid.levelBits * (i % grid.dimensions))) & mask);
    xq = f(xq + f(f(weights[i]! * magnitudes[i]!) * q));
    qq = f(qq + f(f(weights[i]! * q) * q));
  }
  return { xq, qq };
}
