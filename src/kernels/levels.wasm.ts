import type { BlockLayout } from './affine.ref.ts';
import { blockPieces } from './block-pieces.ts';
import { loadKernel } from './kernel-module.ts';
import { countBelow, type LevelKernel, type LevelTable } from './levels.ref.ts';
import type { SmallFloat } from './small-float.ts';

type Shape = [rows: number, length: number, block: number];

interface Functions {
  range(values: number, low: number, high: number, ...shape: Shape): void;
  encodeFew(
    values: number,
    scale: number,
    thresholds: number,
    count: number,
    order: number,
    codes: number,
    ...shape: Shape
  ): void;
  encodeMany(
    values: number,
    scale: number,
    thresholds: number,
    depth: number,
    buckets: number,
    order: number,
    codes: number,
    ...shape: Shape
  ): void;
  configureFloat(
    bits: number,
    mantissaBits: number,
    bias: number,
    maxCode: number,
    nan: number,
    nanHasSign: boolean,
    zeroHasSign: boolean,
  ): void;
  encodeFloats(values: number, scale: number, codes: number, ...shape: Shape): void;
  decodeFew(codes: number, scale: number, planes: number, out: number, ...shape: Shape): void;
  decodeMany(codes: number, scale: number, table: number, out: number, ...shape: Shape): void;
}

/** Values per tile: values, scales and codes stay in the second-level cache. */
const TILE = 1 << 14;
/** Up to so many levels are told apart by comparing with all thresholds. */
const FEW = 16;
const BUCKETS = 1 << 16;

// Memory map in bytes. The first 4096 are the module's own.
const TABLE = 4096; // f32 [256], or u8 [4, 16]
const THRESHOLDS = TABLE + 1024; // f32x4 [15], or f32 [512]
const ORDER = THRESHOLDS + 2048; // u8 [256]
const BUCKET_TABLE = ORDER + 256; // u8 [65536]
const LOW = BUCKET_TABLE + BUCKETS;
const HIGH = LOW + TILE * 4;
const SCALE = HIGH + TILE * 4;
// Kernels read and write up to 15 values behind the last one.
const VALUES = SCALE + TILE * 4;
const CODES = VALUES + TILE * 4 + 64;
const END = CODES + TILE + 16;

/** A table as `encodeMany` wants it. */
interface Buckets {
  readonly table: Uint8Array;
  /** Thresholds in the fullest bucket. */
  readonly depth: number;
}

/** For each upper half of a float32: how many thresholds lie below all floats that have it. */
function bucketsOf({ thresholds }: LevelTable): Buckets {
  const table = new Uint8Array(BUCKETS);
  const bits = new Uint32Array(1);
  const float = new Float32Array(bits.buffer);
  let depth = 0;
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    // 0x7f80 and above, without the sign, are infinity and NaN.
    if ((bucket & 0x7fff) >= 0x7f80) continue;
    const isNegative = bucket >= 0x8000;
    bits[0] = ((bucket << 16) | (isNegative ? 0xffff : 0)) >>> 0;
    const below = countBelow(float[0]!, thresholds);
    bits[0] = ((bucket << 16) | (isNegative ? 0 : 0xffff)) >>> 0;
    table[bucket] = below;
    depth = Math.max(depth, countBelow(float[0]!, thresholds) - below);
  }
  return { table, depth };
}

/** The SIMD kernel. */
export async function createLevelKernel(): Promise<LevelKernel> {
  const { wasm } = await import('./generated/levels.ts');
  const { call, memory } = await loadKernel<Functions>(wasm, END);
  const bytes = new Uint8Array(memory.buffer);
  const floats = new Float32Array(memory.buffer);
  const buckets = new WeakMap<LevelTable, Buckets>();

  const putFloats = (at: number, from: Float32Array, start: number, count: number) =>
    floats.set(from.subarray(start, start + count), at / 4);
  const scalesOf = ({ rows, length, block }: BlockLayout) => rows * Math.ceil(length / block);

  /** Encodes piece by piece. */
  const encode = (
    values: Float32Array,
    layout: BlockLayout,
    scale: Float32Array,
    codes: Uint8Array,
    run: (...shape: Shape) => void,
  ) => {
    for (const piece of blockPieces(layout, TILE)) {
      const { from, rows, length, block } = piece;
      const size = rows * length;
      putFloats(VALUES, values, from, size);
      putFloats(SCALE, scale, piece.scaleFrom, scalesOf(piece));
      run(rows, length, block);
      codes.set(bytes.subarray(CODES, CODES + size), from);
    }
  };

  const putThresholds = (table: LevelTable) => {
    bytes.set(table.codes, ORDER);
    const few = table.codes.length <= FEW;
    const at = THRESHOLDS / 4;
    if (few) for (const [i, t] of table.thresholds.entries()) floats.fill(t, at + 4 * i, at + 4 * i + 4);
    else {
      floats.fill(Number.POSITIVE_INFINITY, at, at + 512);
      floats.set(table.thresholds, at);
    }
    return few;
  };

  return {
    range(values, layout, low, high) {
      let last = -1;
      for (const piece of blockPieces(layout, TILE)) {
        const { from, rows, length, block, scaleFrom } = piece;
        const count = scalesOf(piece);
        putFloats(VALUES, values, from, rows * length);
        call.range(VALUES, LOW, HIGH, rows, length, block);
        if (scaleFrom === last) {
          // One more part of a block that is longer than a tile.
          low[last] = Math.min(low[last]!, floats[LOW / 4]!);
          high[last] = Math.max(high[last]!, floats[HIGH / 4]!);
        } else {
          low.set(floats.subarray(LOW / 4, LOW / 4 + count), scaleFrom);
          high.set(floats.subarray(HIGH / 4, HIGH / 4 + count), scaleFrom);
          last = count === 1 ? scaleFrom : -1;
        }
      }
    },

    encodeLevels(values, layout, scale, table, codes) {
      if (putThresholds(table)) {
        const count = table.thresholds.length;
        encode(values, layout, scale, codes, (...shape) =>
          call.encodeFew(VALUES, SCALE, THRESHOLDS, count, ORDER, CODES, ...shape),
        );
        return;
      }
      let own = buckets.get(table);
      if (!own) buckets.set(table, (own = bucketsOf(table)));
      const { depth } = own;
      bytes.set(own.table, BUCKET_TABLE);
      encode(values, layout, scale, codes, (...shape) =>
        call.encodeMany(VALUES, SCALE, THRESHOLDS, depth, BUCKET_TABLE, ORDER, CODES, ...shape),
      );
    },

    encodeFloats(values, layout, scale, float: SmallFloat, codes) {
      const { bits, mantissaBits, bias, maxCode, nan, unsignedZero = false } = float;
      const nanHasSign = nan !== undefined && !unsignedZero;
      call.configureFloat(bits, mantissaBits, bias, maxCode, nan ?? 0, nanHasSign, !unsignedZero);
      encode(values, layout, scale, codes, (...shape) => call.encodeFloats(VALUES, SCALE, CODES, ...shape));
    },

    decode(codes, layout, scale, table, out) {
      const few = table.length <= FEW;
      if (few) {
        const levels = new Uint8Array(table.buffer, table.byteOffset, table.byteLength);
        bytes.fill(0, TABLE, TABLE + 64);
        for (const [i, byte] of levels.entries()) bytes[TABLE + 16 * (i & 3) + (i >> 2)] = byte;
      } else floats.set(table, TABLE / 4);
      const run = few ? call.decodeFew : call.decodeMany;
      for (const piece of blockPieces(layout, TILE)) {
        const { from, rows, length, block } = piece;
        const size = rows * length;
        bytes.set(codes.subarray(from, from + size), CODES);
        putFloats(SCALE, scale, piece.scaleFrom, scalesOf(piece));
        run(CODES, SCALE, TABLE, VALUES, rows, length, block);
        out.set(floats.subarray(VALUES / 4, VALUES / 4 + size), from);
      }
    },
  };
}
