import { fail } from '../../tensor/index.ts';
import { indexLines } from '../line-index.ts';
import type { Rows } from '../rows.ts';
import { fieldOf, isPair, numbersOf, rowsOfLists, textDType } from './json.ts';
import type { Reader } from './reader.ts';

function parse(line: string, file: string, index: number): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    fail('data/malformed', { file, what: `line ${index + 1} is no JSON` }, cause);
  }
}

/** One JSON sample per line, read as batches ask for it. */
export const jsonl: Reader = {
  description: 'one sample per line, as in json; for sets that do not fit into memory',
  extensions: ['.jsonl', '.ndjson'],
  async hasLabels({ folder, path }) {
    const lines = await indexLines(await folder.open(path));
    return lines.count > 0 && isPair(parse((await lines.read(0, 1))[0]!, path, 0));
  },
  async open({ folder, path, spec, labels = false, labelNames }): Promise<Rows> {
    const lines = await indexLines(await folder.open(path));
    const samples = async (start: number, count: number) =>
      (await lines.read(start, count)).map((line, i) => {
        const where = `${path}, line ${start + i + 1}`;
        return numbersOf(fieldOf(parse(line, path, start + i), spec.key, labels), where, labelNames);
      });
    if (lines.count === 0) return rowsOfLists(path, [], spec.dtype);
    const [first] = await samples(0, 1);
    const dtype =
      textDType(path, spec.dtype) ?? (first!.values.every(Number.isInteger) ? 'int32' : 'float32');
    // Flat lists may differ in length unless their shape is given.
    const dims = spec.shape ?? (first!.dims.length === 1 ? undefined : first!.dims);
    return {
      source: path,
      count: lines.count,
      dtype,
      dims,
      async read(start, count) {
        const read = await samples(start, count);
        const wrong = read.findIndex((s) =>
          dims === undefined ? s.dims.length !== 1 : String(s.dims) !== String(dims),
        );
        if (wrong >= 0) {
          const got = `[${read[wrong]!.dims.join(', ')}]`;
          const wanted = dims === undefined ? 'a list' : `[${dims.join(', ')}]`;
          fail('data/malformed', {
            file: path,
            what: `line ${start + wrong + 1} is ${got}, wanted ${wanted}`,
          });
        }
        const block = await rowsOfLists(path, read, dtype).read(0, count);
        const lengths = dims === undefined ? Int32Array.from(read, (s) => s.values.length) : undefined;
        return { data: block.data, lengths };
      },
    };
  },
};
