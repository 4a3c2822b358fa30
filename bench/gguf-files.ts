import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quantize } from 'lowbit';
import type { FileTypeName } from 'lowbit/numerics';
import { projectFile } from '../examples/glyphs/project-file.ts';
import { compareGguf } from './compare-gguf.ts';
import { asset, present } from './models.ts';
import { perplexityOf } from './perplexity-of.ts';
import { llamaQuantize } from './rivals/llama-quantize.ts';
import { publish, type Row } from './table.ts';

const plain: readonly FileTypeName[] = ['Q8_0', 'Q6_K', 'Q5_K_M', 'Q4_K_M', 'IQ4_XS', 'Q3_K_M', 'Q2_K'];
const weighted: readonly FileTypeName[] = ['Q4_K_M', 'IQ3_XXS', 'IQ2_XS', 'IQ1_M'];

export const lm35m = { name: 'lm-35m', file: asset('lm-35m') };
export const lm35mImatrix = projectFile('bench/data/lm-35m.imatrix.gguf');

/**
 * Whole files of lm-35m: reference search beside llama.cpp's own llama_model_quantize from the same F16 file, and the
 * perplexity of ours in llama.cpp.
 */
export default async function run(): Promise<void> {
  if (present([lm35m]).length === 0) return;
  const folder = mkdtempSync(join(tmpdir(), 'lowbit-gguf-files-'));
  try {
    const source = join(folder, 'f16.gguf');
    await quantize({ model: lm35m.file, to: 'gguf:F16', output: source });
    const rows: Row[] = [{ 'file type': 'F16', perplexity: await perplexityOf(source) }];
    const jobs = [
      ...plain.map((fileType) => ({ fileType, imatrix: undefined })),
      ...weighted.map((fileType) => ({ fileType, imatrix: lm35mImatrix })),
    ];
    for (const { fileType, imatrix } of jobs) {
      const [ours, theirs] = [join(folder, 'ours.gguf'), join(folder, 'theirs.gguf')];
      await quantize({
        model: source,
        to: `gguf:${fileType}`,
        output: ours,
        search: 'reference',
        force: true,
        ...(imatrix && { imatrix }),
      });
      await llamaQuantize({
        input: source,
        output: theirs,
        fileType,
        threads: 2,
        ...(imatrix && { imatrix }),
      });
      const { tensors, otherTypes, otherBytes } = await compareGguf(ours, theirs);
      const row = {
        'file type': fileType,
        imatrix: imatrix ? 'yes' : 'no',
        tensors: String(tensors),
        'other type': String(otherTypes.length),
        'other bytes': String(otherBytes.length),
        perplexity: await perplexityOf(ours),
      };
      console.log(Object.values(row).join('  '), [...otherTypes, ...otherBytes].slice(0, 5).join(' '));
      rows.push(row);
    }
    publish('gguf-files', rows);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
