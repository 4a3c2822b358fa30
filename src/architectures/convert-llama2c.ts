import { type ByteSource, type Metadata, openLlama2c, readLlama2cTokenizer } from '../files/index.ts';
import { bindModel } from './bind-model.ts';
import { CheckpointConfig } from './checkpoint-config.ts';
import type { ConvertedCheckpoint, ConvertOptions } from './convert-checkpoint.ts';
import { llama2c } from './families/llama2c.ts';
import type { ModelFacts } from './family.ts';
import { bool, text, uint32, withoutVocabulary } from './metadata-values.ts';
import { readRope } from './rope-settings.ts';
import { Sizes } from './sizes.ts';
import { TokenList } from './vocabulary/token-list.ts';

/** Files of llama2.c. The vocabulary is a file of its own, and one is shared by several models. */
export interface Llama2cFiles {
  /** `.bin` with the weights. */
  readonly model: ByteSource;
  /** `tokenizer.bin` of the model. Absent: the file takes token ids only. */
  readonly tokenizer?: ByteSource;
}

/**
 * Converts a checkpoint of llama2.c (stories260K, stories15M, ...). Sources are closed with the result.
 * @throws llama2c/malformed, vocabulary/token-twice, file/*
 */
export async function convertLlama2c(
  { model, tokenizer }: Llama2cFiles,
  { name, vocabulary = true, onNote }: ConvertOptions = {},
): Promise<ConvertedCheckpoint> {
  const file = await openLlama2c(model);
  const notes: string[] = [];
  const note = (sentence: string) => {
    notes.push(sentence);
    onNote?.(sentence);
  };
  const c = file.config;
  const config = new CheckpointConfig(model.name, {
    hidden_size: c.dim,
    intermediate_size: c.hiddenDim,
    num_hidden_layers: c.layers,
    num_attention_heads: c.heads,
    num_key_value_heads: c.kvHeads,
    vocab_size: c.vocabularySize,
    max_position_embeddings: c.contextLength,
    hidden_act: 'silu',
    // A constant of the code.
    rms_norm_eps: 1e-5,
  });
  const facts: ModelFacts = {
    family: llama2c,
    architecture: llama2c.name,
    config,
    sizes: new Sizes(config),
    rope: readRope(config, llama2c.rope!),
    has: (tensor) => file.tensors.has(tensor),
  };
  const bound = bindModel(facts, file.tensors, name ?? llama2c.name, [], note);
  const wanted = vocabulary && tokenizer !== undefined;
  if (vocabulary && tokenizer === undefined)
    note('There is no tokenizer.bin: the result takes token ids only.');
  const words = wanted ? await vocabularyKeys(tokenizer, c.vocabularySize, note) : withoutVocabulary;
  return {
    metadata: new Map([...bound.metadata, ...words]),
    tensors: bound.tensors,
    notes,
    async close() {
      await tokenizer?.close?.();
      await file.close();
    },
  };
}

/** Unknown, begin and end of a text; the rest is as SentencePiece has it. */
const specials = [
  ['<unk>', 'unknown'],
  ['<s>', 'control'],
  ['</s>', 'control'],
] as const;

async function vocabularyKeys(
  source: ByteSource,
  size: number,
  onNote: (note: string) => void,
): Promise<Metadata> {
  const { tokens, scores } = await readLlama2cTokenizer(source, size);
  const list = new TokenList(source.name);
  for (const [id, token] of tokens.entries()) {
    const [special, type] = specials[id] ?? [];
    if (special !== undefined) list.place(id, special, type!, 0);
    else if (/^<0x[0-9A-F]{2}>$/.test(token)) list.place(id, token, 'byte', scores[id]);
    else list.place(id, token.replaceAll(' ', '\u2581'), 'normal', scores[id]);
  }
  list.resize(size, onNote);
  return new Map([
    ['tokenizer.ggml.model', text('llama')],
    ['tokenizer.ggml.pre', text('default')],
    ...list.metadata(true),
    ['tokenizer.ggml.bos_token_id', uint32(1)],
    ['tokenizer.ggml.eos_token_id', uint32(2)],
    ['tokenizer.ggml.unknown_token_id', uint32(0)],
    ['tokenizer.ggml.add_bos_token', bool(true)],
    ['tokenizer.ggml.add_eos_token', bool(false)],
    ['tokenizer.ggml.add_space_prefix', bool(true)],
  ]);
}
