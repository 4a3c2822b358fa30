import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { getLlama, type Llama, LlamaLogLevel } from 'node-llama-cpp';
import type { Vocabulary } from '../../src/architectures/vocabulary/index.ts';
import { layoutGguf, type MetadataValue } from '../../src/files/index.ts';

/** llama.cpp with a vocabulary of ours loaded, and nothing else of a model. */
export interface LlamaVocabulary {
  /** Ids of a text; special tokens in it are found. Nothing is put around it. */
  encode(text: string): number[];
  decode(ids: readonly number[]): string;
  /** Whether llama.cpp would put tokens around a text. */
  readonly addsBos: boolean;
  readonly addsEos: boolean;
  /** Whether a generation ends with this token. */
  ends(id: number): boolean;
  close(): void;
}

/** Why llama.cpp cannot be asked here; undefined when it can. */
export function whyNoLlama(): string | undefined {
  const folder = resolve(import.meta.dirname, '../../node_modules/@node-llama-cpp');
  return existsSync(folder) ? undefined : 'no @node-llama-cpp package is installed';
}

let llama: Promise<Llama> | undefined;

const string = (value: string): MetadataValue => ({ type: 'string', value });
const uint32 = (value: number): MetadataValue => ({ type: 'uint32', value });

/** A GGUF file that holds only this vocabulary. */
export function vocabularyFile({ metadata }: Vocabulary, name = 'vocabulary'): Uint8Array {
  const whole = new Map<string, MetadataValue>([
    ['general.architecture', string('llama')],
    ['general.name', string(name)],
    ['llama.block_count', uint32(1)],
    ['llama.context_length', uint32(64)],
    ['llama.embedding_length', uint32(32)],
    ['llama.feed_forward_length', uint32(32)],
    ['llama.attention.head_count', uint32(1)],
    ['llama.attention.layer_norm_rms_epsilon', { type: 'float32', value: 1e-5 }],
    ...metadata,
  ]);
  return layoutGguf(whole, []).header;
}

/** Loads a vocabulary into llama.cpp. `name` becomes general.name, on which Phi-3's white space depends. */
export async function loadVocabulary(vocabulary: Vocabulary, name?: string): Promise<LlamaVocabulary> {
  llama ??= getLlama({ gpu: false, build: 'never', skipDownload: true, logLevel: LlamaLogLevel.disabled });
  const folder = await mkdtemp(join(tmpdir(), 'lowbit-vocabulary-'));
  try {
    const modelPath = join(folder, 'vocabulary.gguf');
    await writeFile(modelPath, vocabularyFile(vocabulary, name));
    const model = await (await llama).loadModel({ modelPath, vocabOnly: true, useMmap: false });
    // `tokens.shouldAppendEosToken` is false for a model without a first token, whatever llama.cpp does.
    const { _model } = model as unknown as { _model: { shouldAppendEosToken(): boolean } };
    return {
      encode: (text) => [...model.tokenize(text, true)],
      decode: (ids) => model.detokenize(ids as Parameters<typeof model.detokenize>[0], true),
      addsBos: model.tokens.shouldPrependBosToken,
      addsEos: _model.shouldAppendEosToken(),
      ends: (id) => model.isEogToken(id as Parameters<typeof model.isEogToken>[0]),
      close: () => void model.dispose(),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}
