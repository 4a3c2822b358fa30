import { availableParallelism } from 'node:os';
import type { Llama, Token } from 'node-llama-cpp';
import { fail, throwIfAborted } from '../../tensor/index.ts';
import type { LanguageModel, LanguageModelOptions } from './language-model.ts';

/** Loaded when it is first wanted: it is an optional peer, and large. */
async function loadPeer(): Promise<typeof import('node-llama-cpp')> {
  return import('node-llama-cpp').catch((cause) => {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ERR_MODULE_NOT_FOUND')
      fail('runtime/peer-missing', { peer: 'node-llama-cpp', what: 'A GGUF model' }, cause);
    throw cause;
  });
}

/**
 * Opens a GGUF file in llama.cpp, on the CPU.
 * @throws runtime/peer-missing without node-llama-cpp; runtime/llama-load when llama.cpp refuses the file
 */
export async function openLanguageModel(
  path: string,
  { context = 512, threads, signal }: LanguageModelOptions = {},
): Promise<LanguageModel> {
  const peer = await loadPeer();
  throwIfAborted(signal);
  // Nothing is built and nothing is printed: llama.cpp's own lines come back in the error, if there is one.
  const said: string[] = [];
  const llama: Llama = await peer.getLlama({
    gpu: false,
    build: 'never',
    progressLogs: false,
    skipDownload: true,
    logLevel: peer.LlamaLogLevel.error,
    logger: (_level, message) => void said.push(message.trim()),
    ...(threads !== undefined && { maxThreads: threads }),
  });
  const refuse = (cause: unknown): never =>
    fail('runtime/llama-load', { file: path, why: said.at(-1) || (cause as Error).message }, cause);
  const model = await llama.loadModel({ modelPath: path, gpuLayers: 0 }).catch(refuse);
  // Left to itself it takes at least four, and threads beyond the cores wait for one another at every step.
  const cores = Math.min(llama.cpuMathCores, availableParallelism());
  const evaluation = await model
    .createContext({ contextSize: context, batchSize: context, sequences: 1, threads: threads ?? cores })
    .catch(refuse);
  const sequence = evaluation.getSequence();
  const { bos, shouldPrependBosToken } = model.tokens;
  return {
    name: path,
    runtime: `node-llama-cpp ${await version(peer)}`,
    trainedContext: model.trainContextSize,
    firstToken: shouldPrependBosToken && bos !== null ? bos : undefined,
    tokenize: (text) => {
      const tokens: number[] = model.tokenize(text);
      return shouldPrependBosToken && bos !== null ? [bos, ...tokens] : tokens;
    },
    async negativeLogLikelihoods(tokens, from) {
      throwIfAborted(signal);
      await sequence.clearHistory();
      const results = await sequence.controlledEvaluate(
        tokens.map((token, i) => {
          const next = tokens[i + 1];
          if (i < from || next === undefined) return token as Token;
          return [
            token as Token,
            {
              generateNext: {
                // The selected token is the likeliest, as nothing is drawn by chance. includeMax gives nothing beside a
                // list of tokens in 3.22, and includeTop sorts the vocabulary.
                logits: { filter: { tokens: [next as Token], includeSelected: true } },
                totalLogitWeight: true,
              },
            },
          ];
        }),
      );
      return Float64Array.from({ length: tokens.length - 1 - from }, (_, k) => {
        const { logits, totalLogitWeight } = results[from + k]!.next;
        const most = Math.max(...logits!.values());
        // log softmax: the weight is the sum of exp(logit - most) over the vocabulary.
        return Math.log(totalLogitWeight!) - (logits!.get(tokens[from + k + 1]! as Token)! - most);
      });
    },
    async close() {
      await evaluation.dispose();
      await model.dispose();
      await llama.dispose();
    },
  };
}

const version = async (peer: typeof import('node-llama-cpp')): Promise<string> => peer.getModuleVersion();
