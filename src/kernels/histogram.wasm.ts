import type { HistogramKernel } from './histogram.ref.ts';

interface Exports {
  readonly memory: WebAssembly.Memory;
  input(): number;
  result(): number;
  tables(): number;
  blockLength(): number;
  binCount(): number;
  extremes(count: number): void;
  countInto(count: number, perBin: number, first: number): void;
  addTables(): void;
  clear(): void;
}

const pageBytes = 65536;
let compiled: Promise<WebAssembly.Module> | undefined;

/** The SIMD kernel; compiled on first use. About 1 G values per second and core, both passes together. */
export async function createHistogramKernel(): Promise<HistogramKernel> {
  compiled ??= import('./generated/histogram.ts').then(({ wasm }) =>
    WebAssembly.compile(Uint8Array.from(atob(wasm), (c) => c.charCodeAt(0))),
  );
  const exports = (await WebAssembly.instantiate(await compiled)).exports as unknown as Exports;
  const { memory } = exports;
  const bins = exports.binCount();
  const block = exports.blockLength();
  const tables = exports.tables();
  const wanted = tables + 4 * bins * 4;
  if (memory.buffer.byteLength < wanted)
    memory.grow(Math.ceil((wanted - memory.buffer.byteLength) / pageBytes));
  const input = new Float32Array(memory.buffer, exports.input(), block);
  const ends = new Float32Array(memory.buffer, exports.result(), 2);
  const zeros = new Int32Array(memory.buffer, exports.result() + 8, 1);
  const gathered = new Uint32Array(memory.buffer, tables, bins);
  return {
    bins,
    block,
    extremes(values) {
      let min = Number.POSITIVE_INFINITY;
      let max = Number.NEGATIVE_INFINITY;
      let none = 0;
      for (let at = 0; at < values.length; at += block) {
        const part = values.subarray(at, at + block);
        input.set(part);
        exports.extremes(part.length);
        min = Math.min(min, ends[0]!);
        max = Math.max(max, ends[1]!);
        none += zeros[0]!;
      }
      return { min, max, zeros: none };
    },
    count(values, perBin, first) {
      for (let at = 0; at < values.length; at += block) {
        const part = values.subarray(at, at + block);
        input.set(part);
        exports.countInto(part.length, perBin, first);
      }
    },
    take(counts) {
      exports.addTables();
      for (let i = 0; i < bins; i++) counts[i]! += gathered[i]!;
      exports.clear();
    },
  };
}
