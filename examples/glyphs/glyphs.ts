/**
 * Deterministic 28x28 grey pictures of the 36 characters 0-9 and A-Z: 5x7 dot patterns seen through a random
 * affine view, blur, occlusion and noise. The same index and seed give the same picture on every machine.
 */
const DOTS: Readonly<Record<string, string>> = {
  0: '01110 10001 10011 10101 11001 10001 01110',
  1: '00100 01100 00100 00100 00100 00100 01110',
  2: '01110 10001 00001 00110 01000 10000 11111',
  3: '11110 00001 00001 01110 00001 00001 11110',
  4: '00010 00110 01010 10010 11111 00010 00010',
  5: '11111 10000 11110 00001 00001 10001 01110',
  6: '00110 01000 10000 11110 10001 10001 01110',
  7: '11111 00001 00010 00100 01000 01000 01000',
  8: '01110 10001 10001 01110 10001 10001 01110',
  9: '01110 10001 10001 01111 00001 00010 01100',
  A: '01110 10001 10001 11111 10001 10001 10001',
  B: '11110 10001 10001 11110 10001 10001 11110',
  C: '01111 10000 10000 10000 10000 10000 01111',
  D: '11110 10001 10001 10001 10001 10001 11110',
  E: '11111 10000 10000 11110 10000 10000 11111',
  F: '11111 10000 10000 11110 10000 10000 10000',
  G: '01111 10000 10000 10011 10001 10001 01111',
  H: '10001 10001 10001 11111 10001 10001 10001',
  I: '01110 00100 00100 00100 00100 00100 01110',
  J: '00111 00010 00010 00010 00010 10010 01100',
  K: '10001 10010 10100 11000 10100 10010 10001',
  L: '10000 10000 10000 10000 10000 10000 11111',
  M: '10001 11011 10101 10101 10001 10001 10001',
  N: '10001 11001 10101 10011 10001 10001 10001',
  O: '01110 11011 10001 10001 10001 11011 01110',
  P: '11110 10001 10001 11110 10000 10000 10000',
  Q: '01110 10001 10001 10001 10101 10010 01101',
  R: '11110 10001 10001 11110 10100 10010 10001',
  S: '01111 10000 10000 01110 00001 00001 11110',
  T: '11111 00100 00100 00100 00100 00100 00100',
  U: '10001 10001 10001 10001 10001 10001 01110',
  V: '10001 10001 10001 10001 01010 01010 00100',
  W: '10001 10001 10001 10101 10101 11011 10001',
  X: '10001 10001 01010 00100 01010 10001 10001',
  Y: '10001 10001 01010 00100 00100 00100 00100',
  Z: '11111 00001 00010 00100 01000 10000 11111',
};

/** Class names in label order. */
export const CLASSES: readonly string[] = [...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'];
/** Pictures are SIDE x SIDE. */
export const SIDE = 28;

const GRIDS = CLASSES.map((c) => Float32Array.from(DOTS[c]!.replaceAll(' ', ''), Number));

function mulberry32(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function ink(grid: Float32Array, x: number, y: number): number {
  return x < 0 || y < 0 || x > 4 || y > 6 ? 0 : grid[y * 5 + x]!;
}

/** Smooth step around one half; `soft` is its width. */
function ease(t: number, soft: number): number {
  const k = (t - 0.5) / soft + 0.5;
  const q = k < 0 ? 0 : Math.min(k, 1);
  return q * q * (3 - 2 * q);
}

/** Picture `index` of stream `seed`: row-major pixels, 0 is paper, 255 is ink. */
export function glyph(index: number, seed: number): { label: number; pixels: Uint8Array } {
  const random = mulberry32(Math.imul(index + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca6b));
  const label = Math.floor(random() * 36);
  const grid = GRIDS[label]!;
  // The order of the draws is part of the definition.
  const turn = (random() - 0.5) * 0.9;
  const shear = (random() - 0.5) * 0.7;
  const sx = 2.1 + random() * 1.7;
  const sy = 1.9 + random() * 1.4;
  const cx = 13.5 + (random() - 0.5) * 7;
  const cy = 13.5 + (random() - 0.5) * 7;
  const strength = 0.55 + random() * 0.45;
  const paper = random() * 0.35;
  const noise = 0.06 + random() * 0.16;
  const soft = 0.35 + random() * 0.5;
  const bar =
    random() < 0.5
      ? {
          angle: random() * Math.PI,
          distance: (random() - 0.5) * 16,
          width: 0.5 + random() * 1.1,
          value: random(),
        }
      : undefined;
  const c = Math.cos(turn);
  const s = Math.sin(turn);
  const pixels = new Uint8Array(SIDE * SIDE);
  for (let py = 0; py < SIDE; py++) {
    for (let px = 0; px < SIDE; px++) {
      const dx = px - cx;
      const dy = py - cy;
      const ry = (-s * dx + c * dy) / sy;
      const rx = (c * dx + s * dy) / sx + shear * ry;
      const u = rx + 2;
      const v = ry + 3;
      const x0 = Math.floor(u);
      const y0 = Math.floor(v);
      const fx = ease(u - x0, soft);
      const fy = ease(v - y0, soft);
      const upper = ink(grid, x0, y0) * (1 - fx) + ink(grid, x0 + 1, y0) * fx;
      const lower = ink(grid, x0, y0 + 1) * (1 - fx) + ink(grid, x0 + 1, y0 + 1) * fx;
      let value = paper + (strength - paper * 0.5) * (upper * (1 - fy) + lower * fy);
      if (bar !== undefined) {
        const offset = (px - 13.5) * Math.cos(bar.angle) + (py - 13.5) * Math.sin(bar.angle) - bar.distance;
        if (Math.abs(offset) < bar.width) value = value * 0.3 + bar.value * 0.7;
      }
      const gaussian = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
      value += gaussian * noise;
      pixels[py * SIDE + px] = Math.max(0, Math.min(255, Math.round(value * 255)));
    }
  }
  return { label, pixels };
}
