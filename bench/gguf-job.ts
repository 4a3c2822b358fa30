import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { quantize } from 'lowbit';
import type { FileTypeName } from 'lowbit/numerics';

/** One file that lowbit is asked to make, in a process of its own. */
export interface GgufJob {
  readonly input: string;
  readonly output: string;
  readonly fileType: FileTypeName;
  readonly search: 'best' | 'reference';
  readonly threads?: number;
  readonly imatrix?: string;
}

export interface GgufJobResult {
  /** From file to file, verified and named; without the start of the process. */
  readonly ms: number;
  readonly peakRssBytes: number;
}

/** Quantizes in a process of its own, as the command line does. */
export async function runGgufJob(job: GgufJob): Promise<GgufJobResult> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    fileURLToPath(import.meta.url),
    JSON.stringify(job),
  ]);
  return JSON.parse(stdout);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { input, output, fileType, search, threads, imatrix } = JSON.parse(process.argv[2]!) as GgufJob;
  const record = await quantize({
    model: input,
    to: `gguf:${fileType}`,
    output,
    search,
    force: true,
    ...(threads !== undefined && { threads }),
    ...(imatrix !== undefined && { imatrix }),
  });
  const peakRssBytes = process.resourceUsage().maxRSS * 1024;
  console.log(JSON.stringify({ ms: record.seconds * 1000, peakRssBytes }));
}
