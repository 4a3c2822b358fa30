import { loadKernel } from './kernel-module.ts';
import { type NearestSumKernel, nearestSumReference, SUM_DOUBT, type SumTables } from './nearest-sum.ref.ts';

const ENTRIES = 256;
const UNIT = 8;
/** Vectors per call. */
const TILE = 128;

// Memory map in bytes; the first 4096 are the module's own.
const A = 4096;
const B = A + ENTRIES * UNIT * 4;
const SQUARE_A = B + ENTRIES * UNIT * 4;
const TO_A = SQUARE_A + ENTRIES * 4;
const TO_B = TO_A + ENTRIES * 4;
const VECTORS = TO_B + ENTRIES * 4;
const TABLE = VECTORS + TILE * UNIT * 4;
const MINIMA = TABLE + ENTRIES * ENTRIES * 4;
const END = MINIMA + TILE * ENTRIES * 4;

interface Functions {
  rowMinima(
    vectors: number,
    count: number,
    unit: number,
    A: number,
    squareA: number,
    rows: number,
    B: number,
    table: number,
    columns: number,
    radius: number,
    largest: number,
    part: number,
    toA: number,
    toB: number,
    minima: number,
  ): void;
}

/** The SIMD kernel. Tables of other sizes are searched by the twin, which gives the same minima. */
export async function createNearestSumKernel(): Promise<NearestSumKernel> {
  const { wasm } = await import('./generated/nearest-sum.ts');
  const { call, memory } = await loadKernel<Functions>(wasm, END);
  const floats = (at: number, count: number) => new Float32Array(memory.buffer, at, count);
  let held: SumTables | undefined;
  return {
    rowMinima(vectors, tables, minima) {
      const { unit, squareA, radius, largest } = tables;
      const rows = squareA.length;
      const columns = tables.B.length / unit;
      if (unit > UNIT || rows > ENTRIES || columns > ENTRIES || columns % 4 !== 0) {
        nearestSumReference.rowMinima(vectors, tables, minima);
        return;
      }
      if (held !== tables) {
        floats(A, rows * unit).set(tables.A);
        floats(B, columns * unit).set(tables.B);
        floats(SQUARE_A, rows).set(squareA);
        floats(TABLE, rows * columns).set(tables.table);
        held = tables;
      }
      for (let at = 0; at < vectors.length / unit; at += TILE) {
        const part = vectors.subarray(at * unit, (at + TILE) * unit);
        const count = part.length / unit;
        floats(VECTORS, part.length).set(part);
        call.rowMinima(
          VECTORS,
          count,
          unit,
          A,
          SQUARE_A,
          rows,
          B,
          TABLE,
          columns,
          radius,
          largest,
          SUM_DOUBT,
          TO_A,
          TO_B,
          MINIMA,
        );
        minima.set(floats(MINIMA, count * rows), at * rows);
      }
    },
  };
}
