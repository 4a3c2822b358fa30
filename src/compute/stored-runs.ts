import { rowCountOf, type TensorSource } from '../files/index.ts';
import type { StoredRuns } from './thread-protocol.ts';

/**
 * Where the bytes of a tensor lie, if all of them lie in open files of this machine; undefined otherwise. Runs that
 * follow each other in a file are one.
 */
export function storedRuns(source: TensorSource): StoredRuns | undefined {
  const pieces = source.pieces?.(0, rowCountOf(source.shape));
  if (pieces === undefined) return undefined;
  const runs: { descriptor: number; offset: number; length: number }[] = [];
  for (const { source: file, offset, length } of pieces) {
    const { descriptor } = file;
    if (descriptor === undefined) return undefined;
    const last = runs.at(-1);
    if (last?.descriptor === descriptor && last.offset + last.length === offset) last.length += length;
    else if (length > 0) runs.push({ descriptor, offset, length });
  }
  let end = 0;
  return {
    descriptors: Int32Array.from(runs, (run) => run.descriptor),
    offsets: Float64Array.from(runs, (run) => run.offset),
    ends: Float64Array.from(runs, (run) => (end += run.length)),
  };
}
