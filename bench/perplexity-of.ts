import { evaluate } from 'lowbit';
import { asset } from './models.ts';

/** Chunks that are read; LOWBIT_CHUNKS takes more for surer figures. */
const chunks = Number(process.env.LOWBIT_CHUNKS ?? 20);

/** Perplexity of a GGUF file in llama.cpp, ± its standard error. */
export async function perplexityOf(
  file: string,
  { data = asset('docs-text/heldout.txt'), context = 512 } = {},
): Promise<string> {
  const { value, standardError } = await perplexityFigures(file, { data, context });
  return `${value.toFixed(3)} ± ${standardError.toFixed(3)}`;
}

export async function perplexityFigures(
  file: string,
  { data = asset('docs-text/heldout.txt'), context = 512, samples = chunks } = {},
): Promise<{ value: number; standardError: number }> {
  const { baseline } = await evaluate({ model: file, data, context, measure: { samples } });
  const { value, standardError = 0 } = baseline!.metrics[0]!;
  return { value, standardError };
}
