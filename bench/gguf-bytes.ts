import { existsSync } from 'node:fs';
import { convertCheckpoint } from 'lowbit/architectures';
import {
  folderSiblings,
  openFile,
  readImatrix,
  rowCountOf,
  rowLengthOf,
  type TensorSource,
} from 'lowbit/files';
import { blockFormats, encodeBlocks, type QuantizedBlockName, toFloat32 } from 'lowbit/numerics';
import { type DType, tensorFromBytes } from 'lowbit/tensor';
import { projectFile } from '../examples/glyphs/project-file.ts';
import { type GgmlOracle, openOracle, whyNoOracle } from '../test/ggml/oracle.ts';
import { sampleImportance, sampleRows } from '../test/ggml/sample-rows.ts';
import { asset } from './models.ts';
import { publish, type Row } from './table.ts';

/** Rows of values that go into every type. */
interface Data {
  readonly values: Float32Array;
  readonly rowLength: number;
  /** Of the tensor, where an importance matrix has it. */
  readonly importance?: Float32Array;
}

/** Values that are encoded at a time: ggml wants them in one piece. */
const PIECE = 1 << 22;

/** Row lengths in blocks: some that leave part of a lane group over, one that fills many. */
const LAYOUTS = [
  { rows: 7, blocks: 1 },
  { rows: 6, blocks: 3 },
  { rows: 5, blocks: 11 },
  { rows: 32, blocks: 16 },
];

const samples = (block: number): Data[] =>
  LAYOUTS.flatMap(({ rows, blocks }) => {
    const rowLength = blocks * (blocks === 16 ? Math.max(block, 256) : block);
    return sampleRows(rows, rowLength).map(({ values }) => ({ values, rowLength }));
  });

/** Every tensor of a checkpoint as GGUF has it, in pieces of whole rows. */
async function* tensorsOf(
  tensors: readonly TensorSource[],
  importances: ReadonlyMap<string, Float32Array>,
): AsyncGenerator<Data> {
  for (const tensor of tensors) {
    const rowLength = rowLengthOf(tensor.shape);
    const rows = rowCountOf(tensor.shape);
    const type = tensor.type as Exclude<DType, 'string'>;
    const step = Math.max(1, Math.floor(PIECE / rowLength));
    for (let row = 0; row < rows; row += step) {
      const end = Math.min(rows, row + step);
      const bytes = (await tensor.read(row, end)).slice();
      const values = toFloat32(tensorFromBytes(type, [end - row, rowLength], bytes));
      yield { values, rowLength, importance: importances.get(tensor.name) };
    }
  }
}

/** Blocks compared and blocks that differ. */
interface Count {
  blocks: number;
  differing: number;
}

/** Reference search against ggml, one type, with or without importance. */
async function compare(
  oracle: GgmlOracle,
  type: QuantizedBlockName,
  { values, rowLength, importance }: Data,
  weighted: boolean,
  count: Count,
): Promise<void> {
  const { block, bytes } = blockFormats[type];
  if (rowLength % block !== 0) return;
  const weights = weighted ? (importance ?? sampleImportance(rowLength)) : undefined;
  const ours = await encodeBlocks(type, values, rowLength, { search: 'reference', importance: weights });
  const theirs = oracle.encode(type, values, rowLength, weights);
  count.blocks += values.length / block;
  for (let at = 0; at < theirs.length; at += bytes) {
    if (Buffer.compare(ours.subarray(at, at + bytes), theirs.subarray(at, at + bytes)) !== 0)
      count.differing++;
  }
}

/** Types with what is compared: ggml refuses some without importance. */
const cases = (Object.keys(blockFormats) as (keyof typeof blockFormats)[])
  .filter((type) => blockFormats[type].block > 1)
  .flatMap((type) =>
    (blockFormats[type].importance === 'required' ? [true] : [false, true]).map((weighted) => ({
      type: type as QuantizedBlockName,
      weighted,
    })),
  );

/**
 * Reference search against ggml_quantize_chunk of llama.cpp v0.5.0 (x86-64): every type, with and without importance,
 * over rows with something special about them and over every tensor of lm-4m and lm-35m. The importance is lm-35m's own
 * where its importance matrix has the tensor, else made up, with zeros and outliers.
 */
export default async function bytes(): Promise<void> {
  const why = whyNoOracle();
  if (why !== undefined) {
    console.log(`skipped: ${why}`);
    return;
  }
  const oracle = openOracle();
  const counts = cases.map(() => new Map<string, Count>());
  const addTo = async (index: number, column: string, data: Data) => {
    const { type, weighted } = cases[index]!;
    const count = counts[index]!.get(column) ?? { blocks: 0, differing: 0 };
    counts[index]!.set(column, count);
    await compare(oracle, type, data, weighted, count);
  };

  for (const [index, { type }] of cases.entries()) {
    for (const data of samples(blockFormats[type].block)) await addTo(index, 'sample rows', data);
    process.stderr.write(`${blockFormats[type].label} `);
  }
  for (const name of ['lm-4m', 'lm-35m']) {
    if (!existsSync(asset(name))) {
      console.log(`skipped ${name}: ${asset(name)} is not here (set LOWBIT_ASSETS)`);
      continue;
    }
    const model = await convertCheckpoint(await folderSiblings(asset(name)), { vocabulary: false });
    const importances = new Map<string, Float32Array>();
    if (name === 'lm-35m') {
      const { source } = await openFile(projectFile('bench/data/lm-35m.imatrix.gguf'));
      for (const [tensor, entry] of (await readImatrix(source)).entries)
        importances.set(tensor, entry.values);
    }
    for await (const data of tensorsOf(model.tensors, importances)) {
      for (const index of cases.keys()) await addTo(index, name, data);
      process.stderr.write('.');
    }
    await model.close();
  }

  const columns = ['sample rows', 'lm-4m', 'lm-35m'].filter((column) => counts.some((c) => c.has(column)));
  const rows = cases.map(({ type, weighted }, index): Row => {
    const cells = columns.map((column) => {
      const { blocks, differing } = counts[index]!.get(column) ?? { blocks: 0, differing: 0 };
      return [column, `${blocks.toLocaleString('en-US')} / ${differing.toLocaleString('en-US')}`];
    });
    const importance = weighted ? 'yes' : 'no';
    return { type: blockFormats[type].label, importance, ...Object.fromEntries(cells) };
  });
  publish('gguf-bytes', rows);
  const all = counts.flatMap((count) => [...count.values()]);
  const total = (key: keyof Count) => all.reduce((sum, c) => sum + c[key], 0).toLocaleString('en-US');
  console.log(`\n${total('blocks')} blocks compared, ${total('differing')} differ.`);
  if (all.some(({ differing }) => differing > 0)) process.exitCode = 1;
}
