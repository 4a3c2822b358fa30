import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { imatrixEntry, openFolder, writeImatrix } from 'lowbit/files';
import type { FileTypeName } from 'lowbit/numerics';
import { seededRandom } from 'lowbit/tensor';
import { compareGguf } from './compare-gguf.ts';
import { runGgufJob } from './gguf-job.ts';
import { llamaQuantize } from './rivals/llama-quantize.ts';
import { inScratchFolder } from './scratch-folder.ts';
import { type LlamaSizes, syntheticLlama, writeModel } from './synthetic-llama.ts';
import { mb, publish, ratio } from './table.ts';

/** 615 M weights in float16, 1.23 GB. */
const large: LlamaSizes = { layers: 11, width: 2048, ffn: 5632, heads: 32, keyHeads: 4, vocabulary: 32_000 };
/** 31 M weights: llama.cpp takes seconds for each of these types. */
const small: LlamaSizes = { layers: 2, width: 1024, ffn: 2816, heads: 16, keyHeads: 8, vocabulary: 8192 };

const types: readonly FileTypeName[] = [
  'Q8_0',
  'Q4_0',
  'Q4_1',
  'Q5_0',
  'Q5_1',
  'Q2_K',
  'Q3_K_M',
  'Q4_K_M',
  'Q5_K_M',
  'Q6_K',
  'IQ4_XS',
  'IQ4_NL',
];
const weightedTypes: readonly FileTypeName[] = [
  'IQ3_S',
  'IQ3_XXS',
  'IQ2_M',
  'IQ2_XS',
  'IQ2_XXS',
  'IQ1_M',
  'IQ1_S',
];

/** Rounds of each in turn, the fastest counts: whatever else the machine does slows one round, not one side. */
const roundsOf = (model: 'large' | 'small', fileType: FileTypeName) =>
  model === 'large' && /^Q\d_[01]$/.test(fileType) ? 5 : 2;

/**
 * File to file against llama_model_quantize, same threads, taking turns: reference search, best search, llama.cpp.
 * File types may be named on the command line.
 */
export default async function run(): Promise<void> {
  const wanted = process.argv.slice(3).map((name) => name.toUpperCase());
  const threads = availableParallelism();
  const rows: Record<string, string>[] = [];
  await inScratchFolder(6e9, async (folder) => {
    const input = { large: join(folder, 'large.gguf'), small: join(folder, 'small.gguf') };
    const imatrix = join(folder, 'imatrix.gguf');
    for (const [model, fileTypes] of [
      ['large', types],
      ['small', weightedTypes],
    ] as const) {
      const asked = fileTypes.filter((name) => wanted.length === 0 || wanted.includes(name));
      if (asked.length === 0) continue;
      const sizes = model === 'large' ? large : small;
      await writeModel(input[model], syntheticLlama(sizes));
      if (model === 'small') await writeRandomImatrix(folder, sizes);
      for (const fileType of asked) {
        const job = {
          input: input[model],
          fileType,
          threads,
          ...(model === 'small' && { imatrix }),
        };
        const [reference, best, llama] = ['reference', 'best', 'llama'].map((name) =>
          join(folder, `${name}.gguf`),
        );
        const times = { reference: [] as number[], best: [] as number[], llama: [] as number[] };
        for (let round = 0; round < roundsOf(model, fileType); round++) {
          const ours = (search: 'reference' | 'best', output: string) =>
            runGgufJob({ ...job, search, output });
          times.reference.push((await ours('reference', reference!)).ms);
          times.best.push((await ours('best', best!)).ms);
          times.llama.push((await llamaQuantize({ ...job, output: llama! })).ms);
        }
        const { otherTypes, otherBytes, tensors } = await compareGguf(reference!, llama!);
        const least = (list: readonly number[]) => Math.min(...list);
        const row = {
          'file type': fileType,
          input: `${mb(2 * weightsOf(sizes))} MB`,
          'reference, ms': least(times.reference).toFixed(0),
          'best, ms': least(times.best).toFixed(0),
          'llama.cpp, ms': least(times.llama).toFixed(0),
          'reference is faster': ratio(least(times.llama) / least(times.reference)),
          'best is faster': ratio(least(times.llama) / least(times.best)),
          'tensors that differ (reference)': `${otherTypes.length + otherBytes.length} of ${tensors}`,
        };
        console.log(JSON.stringify(row));
        rows.push(row);
      }
    }
  });
  publish('gguf', rows);
}

const weightsOf = ({ layers, width, ffn, heads, keyHeads, vocabulary }: LlamaSizes): number =>
  2 * vocabulary * width +
  layers * (2 * width ** 2 + 2 * width * (width / heads) * keyHeads + 3 * ffn * width);

/** Mean squares that differ between columns as those of real activations do. */
async function writeRandomImatrix(folder: string, { layers, width, ffn }: LlamaSizes): Promise<void> {
  const random = seededRandom(3);
  const names = ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'];
  const entries = Array.from({ length: layers }, (_, layer) =>
    names.map((name) => {
      const length = name === 'ffn_down' ? ffn : width;
      const sums = Float32Array.from({ length }, () => 512 * Math.exp(4 * random() - 2));
      return [`blk.${layer}.${name}.weight`, imatrixEntry(sums, [512], 'gguf')] as const;
    }),
  ).flat();
  const sink = await (await openFolder(folder, { force: true })).open('imatrix.gguf');
  const imatrix = { datasets: ['random'], chunks: 1, chunkSize: 512, format: 'gguf' as const };
  await writeImatrix(sink, { ...imatrix, entries: new Map(entries) }, 'gguf');
  await sink.commit();
}
