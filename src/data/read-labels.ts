import { fail } from '../tensor/index.ts';
import type { Rows } from './rows.ts';

/** Class numbers of all samples: four bytes each, so they are kept while pictures are not. */
export interface Labels {
  readonly source: string;
  readonly values: Int32Array;
  readonly names?: readonly string[];
}

/** More labels than this are no dataset for calibration or evaluation on one machine. */
const maxLabels = 2 ** 28;
const labelsPerRead = 65536;

/**
 * Reads the labels and checks each one.
 * @throws data/label-range naming the sample; data/malformed for labels that are no single whole number.
 */
export async function readLabels(
  rows: Rows,
  names: readonly string[] | undefined,
  classes: number | undefined,
): Promise<Labels> {
  const single = rows.dims?.every((d) => d === 1) === true;
  if (!single) {
    const shape = rows.dims === undefined ? 'lists of different lengths' : `[${rows.dims.join(', ')}]`;
    fail('data/malformed', { file: rows.source, what: `a label is one number, but samples are ${shape}` });
  }
  if (rows.count > maxLabels) {
    fail('data/too-large', {
      file: rows.source,
      what: 'the number of labels',
      got: rows.count,
      limit: maxLabels,
    });
  }
  const limit = names?.length ?? classes;
  const values = new Int32Array(rows.count);
  for (let start = 0; start < rows.count; start += labelsPerRead) {
    const { data } = await rows.read(start, Math.min(labelsPerRead, rows.count - start));
    for (let i = 0; i < data.length; i++) {
      const label = Number(data[i]);
      if (!Number.isInteger(label)) {
        fail('data/malformed', {
          file: rows.source,
          what: `label ${label} of sample ${start + i} is no whole number`,
        });
      }
      if (label < 0 || label >= (limit ?? 2 ** 31)) {
        fail('data/label-range', { file: rows.source, index: start + i, label, classes: limit ?? 2 ** 31 });
      }
      values[start + i] = label;
    }
  }
  return { source: rows.source, values, names };
}
