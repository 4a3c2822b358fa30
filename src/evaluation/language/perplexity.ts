import { fail, throwIfAborted } from '../../tensor/index.ts';
import type { LanguageModel } from './language-model.ts';

export interface PerplexityOptions {
  /** Tokens of a chunk. Default 512, as llama-perplexity. */
  readonly context?: number;
  /** Look at no more chunks than this. */
  readonly chunks?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface PerplexityResult {
  /** exp of the mean negative log-likelihood. */
  readonly perplexity: number;
  /** Of the perplexity: that of the mean, carried through the exponential. */
  readonly standardError: number;
  /** Tokens of the whole text. */
  readonly textTokens: number;
  /** Tokens whose likelihood was counted. */
  readonly tokens: number;
  readonly chunks: number;
  readonly context: number;
  /** Mean negative log-likelihood of each chunk, in nats: for paired comparisons. */
  readonly chunkLosses: Float64Array;
}

/**
 * Perplexity as llama.cpp's perplexity tool takes it: the text is cut into chunks of `context` tokens that know nothing
 * of each other, the first token of each is the model's first token where it has one, and only the second half of
 * each counts, so that every counted token has something before it. What does not fill a chunk is left out.
 * Source: tools/perplexity/perplexity.cpp of llama.cpp v0.5.0.
 * @throws evaluation/short-text when the text has not two chunks, or one where `chunks` asks for no more
 */
export async function measurePerplexity(
  model: LanguageModel,
  text: string,
  { context = 512, chunks: limit, signal, onProgress }: PerplexityOptions = {},
): Promise<PerplexityResult> {
  const tokens = [...model.tokenize(text)];
  const available = Math.floor(tokens.length / context);
  if (available < 1) fail('evaluation/short-text', { model: model.name, tokens: tokens.length, context });
  const chunks = Math.min(available, limit ?? available);
  const first = context >> 1;
  const perChunk = context - 1 - first;
  const chunkLosses = new Float64Array(chunks);
  let sum = 0;
  let squares = 0;
  for (let chunk = 0; chunk < chunks; chunk++) {
    throwIfAborted(signal);
    const part = tokens.slice(chunk * context, (chunk + 1) * context);
    if (model.firstToken !== undefined) part[0] = model.firstToken;
    const losses = await model.negativeLogLikelihoods(part, first);
    let own = 0;
    for (const loss of losses) {
      own += loss;
      squares += loss * loss;
    }
    sum += own;
    chunkLosses[chunk] = own / perChunk;
    onProgress?.(chunk + 1, chunks);
  }
  const count = chunks * perChunk;
  const mean = sum / count;
  const variance = squares / count - mean * mean;
  const perplexity = Math.exp(mean);
  const standardError = variance > 0 ? perplexity * Math.sqrt(variance / (count - 1)) : 0;
  return {
    perplexity,
    standardError,
    textTokens: tokens.length,
    tokens: count,
    chunks,
    context,
    chunkLosses,
  };
}
