import type { BlockSearch } from '../kernels/index.ts';
import { throwIfAborted } from '../tensor/index.ts';
import { refuseValue } from './refuse-value.ts';
import { countTiles, type TensorJob, tileShape } from './tensor-job.ts';
import { type TileEncoder, tileEncoder } from './tile-encoder.ts';
import type { TilePool } from './tile-pool.ts';
import { tileRowsOf } from './tile-shape.ts';

/** Longest that a page's thread works without a turn for anything else. */
const TURN_MS = 50;

/** The calling thread as a pool: pages, and wherever there are no worker threads. Tiles are written in order. */
export function inlinePool(): TilePool {
  return {
    threads: 1,
    prepare() {},
    async encode({ jobs, outputs, search, done, signal, onProgress, onTiles }) {
      const flags = new Uint8Array(countTiles(jobs));
      if (done) flags.set(done);
      const total = jobs.reduce((sum, job) => sum + jobBytes(job), 0);
      let [finished, tile] = [0, 0];
      let turn = performance.now();
      for (const job of jobs) {
        const { source, file, offset } = job;
        const shape = tileShape(job);
        const encoder = await cachedEncoder(job, search);
        for (let i = 0; i < shape.tiles; i++, tile++) {
          throwIfAborted(signal);
          const { from, to, group } = tileRowsOf(shape, i);
          finished += (to - from) * shape.fromBytes;
          if (flags[tile] === 1) continue;
          const bytes = await source.read(from, to);
          encoder.input(to - from, shape.rowLength, importanceOf(job, group)).set(bytes);
          const result = encoder.encode();
          if (typeof result === 'number') await refuseValue(job, from, result);
          else await outputs[file]!.write(offset + from * shape.toBytes, result.slice());
          flags[tile] = 1;
          if (performance.now() - turn < TURN_MS) continue;
          onProgress?.({ done: finished, total });
          await onTiles?.(flags);
          await new Promise((resolve) => setTimeout(resolve));
          turn = performance.now();
        }
      }
      onProgress?.({ done: total, total });
      await onTiles?.(flags);
    },
    async close() {},
  };
}

const encoders = new Map<string, Promise<TileEncoder>>();

function cachedEncoder({ source, type }: TensorJob, search: BlockSearch): Promise<TileEncoder> {
  const key = `${source.type} ${type} ${search}`;
  let encoder = encoders.get(key);
  if (encoder === undefined) encoders.set(key, (encoder = tileEncoder(source.type, type, search)));
  return encoder;
}

/** The weights of the columns of one matrix of a stack. */
export function importanceOf({ importance, source }: TensorJob, group: number): Float32Array | undefined {
  const length = source.shape.at(-1) ?? 1;
  if (importance === undefined || importance.length === length) return importance;
  return importance.subarray(group * length, (group + 1) * length);
}

/** Bytes of a job's tensor as it is stored. */
export const jobBytes = (job: TensorJob): number => {
  const { fromBytes, groupRows, groupTiles, tiles } = tileShape(job);
  const rows = tiles === 0 ? 0 : (tiles / groupTiles) * groupRows;
  return rows * fromBytes;
};
