import {
  asTensor,
  type BindRequest,
  type BoundInput,
  checkKind,
  checkSampleSize,
  type Fed,
  fixedBatchOf,
  wrongShape,
} from './bound-input.ts';
import { toFed } from './feed.ts';

/** Rows of different lengths (token ids): padded to the longest of the batch, or cut and padded to one length. */
export function bindLists(request: BindRequest): BoundInput {
  const { port, rows, spec, guess } = request;
  const size = port.shape[1];
  if (port.shape.length !== 2) wrongShape(port, rows, 'lists of different lengths');
  const length = spec.length ?? (typeof size === 'number' && size > 0 ? size : undefined);
  checkKind(request, false);
  checkSampleSize(rows.source, port.dtype, [length ?? rows.longest ?? 0]);
  const pad = spec.pad ?? 0;
  if (spec.pad === undefined) guess(`shorter rows of '${port.name}' are filled with ${pad}`);
  if (length !== undefined && (rows.longest ?? 0) > length) {
    guess(`rows of '${port.name}' longer than ${length} are cut (the longest is ${rows.longest})`);
  }
  return {
    port,
    rows,
    fixedBatch: fixedBatchOf(port),
    async feed(start, count, batch): Promise<Fed> {
      const block = await rows.read(start, count);
      const stored = block.lengths!;
      const width = length ?? stored.reduce((a, b) => Math.max(a, b), 1);
      const padded = new Float64Array(batch * width).fill(pad);
      const lengths = new Int32Array(batch);
      let at = 0;
      for (let row = 0; row < batch; row++) {
        if (row > 0 && row < count) at += stored[row - 1]!;
        lengths[row] = Math.min(stored[Math.min(row, count - 1)]!, width);
        for (let i = 0; i < lengths[row]!; i++) padded[row * width + i] = Number(block.data[at + i]);
      }
      const data = toFed({ stored: 'float64', wanted: port.dtype }, padded);
      return { tensor: asTensor(port.dtype, [batch, width], data), lengths };
    },
  };
}
