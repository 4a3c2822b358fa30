import type { Graph } from '../graph.ts';
import type { Model } from '../model.ts';
import type { Weight } from '../weight.ts';

/** Where a weight lies in an external data file. */
export interface Placement {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

export interface ExternalFile {
  readonly name: string;
  readonly weights: readonly { readonly offset: number; readonly weight: Weight }[];
  readonly sizeBytes: number;
}

export interface ExternalLayout {
  readonly placements: ReadonlyMap<Weight, Placement>;
  readonly files: readonly ExternalFile[];
}

export const noExternal: ExternalLayout = { placements: new Map(), files: [] };

/** Smaller tensors stay in the model: shapes and scalars, which runtimes want at hand. */
const SMALLEST_EXTERNAL_BYTES = 1024;

/** Big tensors start on a page, so that runtimes can map them; small ones on a cache line. */
const PAGE_BYTES = 4096;
const LINE_BYTES = 64;

/**
 * Places the initializers of all graphs in external files, one after the other, a new file when the last
 * is `fileLimitBytes` long. A weight that stands under several names is stored once.
 */
export function layOutExternal(
  model: Model,
  nameOf: (index: number) => string,
  fileLimitBytes = Number.POSITIVE_INFINITY,
): ExternalLayout {
  const placements = new Map<Weight, Placement>();
  const files: { name: string; weights: { offset: number; weight: Weight }[]; sizeBytes: number }[] = [];
  for (const weight of initializersIn(model.graph)) {
    const { byteLength: length } = weight;
    if (length < SMALLEST_EXTERNAL_BYTES || placements.has(weight)) continue;
    let file = files.at(-1);
    if (file === undefined || (file.sizeBytes > 0 && file.sizeBytes + length > fileLimitBytes)) {
      file = { name: nameOf(files.length), weights: [], sizeBytes: 0 };
      files.push(file);
    }
    const unit = length >= PAGE_BYTES ? PAGE_BYTES : LINE_BYTES;
    const offset = Math.ceil(file.sizeBytes / unit) * unit;
    placements.set(weight, { location: file.name, offset, length });
    file.weights.push({ offset, weight });
    file.sizeBytes = offset + length;
  }
  return { placements, files };
}

/** Numeric initializers of a graph and of the graphs inside its nodes. */
function* initializersIn(graph: Graph): Iterable<Weight> {
  for (const tensor of graph.initializers.values()) if (tensor.dtype !== 'string') yield tensor;
  for (const node of graph.nodes) for (const inner of node.subgraphs()) yield* initializersIn(inner);
}
