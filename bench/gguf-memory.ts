import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { FileTypeName } from 'lowbit/numerics';
import { runGgufJob } from './gguf-job.ts';
import { inScratchFolder } from './scratch-folder.ts';
import { type LlamaSizes, syntheticLlama, writeModel } from './synthetic-llama.ts';
import { mb, publish } from './table.ts';

const wide = { width: 2048, ffn: 5632, heads: 32, keyHeads: 4, vocabulary: 32_000 };
const models: Readonly<Record<string, LlamaSizes>> = {
  '0.3 GB': { ...wide, layers: 1 },
  '3 GB': { ...wide, layers: 31 },
};
const fileTypes: readonly FileTypeName[] = ['Q8_0', 'Q4_K_M', 'Q2_K'];

/** Peak resident memory of the whole process, on a small model and on one ten times as large. */
export default async function run(): Promise<void> {
  const rows: Record<string, string>[] = [];
  await inScratchFolder(6e9, async (folder) => {
    for (const [name, sizes] of Object.entries(models)) {
      const input = join(folder, 'model.gguf');
      await writeModel(input, syntheticLlama(sizes));
      for (const fileType of fileTypes) {
        const output = join(folder, 'out.gguf');
        const { ms, peakRssBytes } = await runGgufJob({ input, output, fileType, search: 'best' });
        await rm(output);
        rows.push({
          input: name,
          'file type': fileType,
          threads: String(availableParallelism()),
          seconds: (ms / 1000).toFixed(1),
          'peak resident, MB': mb(peakRssBytes),
        });
      }
      await rm(input);
    }
  });
  publish('gguf-memory', rows);
}
