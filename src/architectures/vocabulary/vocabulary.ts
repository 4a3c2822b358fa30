import type { Metadata, MetadataValue } from '../../files/index.ts';
import type { TokenList } from './token-list.ts';

/** The vocabulary of a checkpoint as GGUF has it. */
export interface Vocabulary {
  /** The `tokenizer.*` keys, in the order llama.cpp's converter writes them. */
  readonly metadata: Metadata;
  /** Tokens, padding included: the rows of the token embedding. */
  readonly tokenCount: number;
}

export interface VocabularyOptions {
  /** Rows of the token embedding. Default: what config.json says, else as many as there are tokens. */
  readonly vocabSize?: number;
  /** Told what of the tokenizer is lost on the way, in one sentence each. */
  readonly onNote?: (note: string) => void;
}

/** What one of the readers makes of the files: everything but special tokens and chat templates. */
export interface TokenizerContent {
  /** `tokenizer.ggml.model`: which tokenizer of llama.cpp. */
  readonly model: 'gpt2' | 'llama' | 't5';
  /** `tokenizer.ggml.pre`. */
  readonly pre: string;
  readonly tokens: TokenList;
  /** Keys that only this kind of tokenizer has, after the tokens. */
  readonly extra: readonly (readonly [string, MetadataValue])[];
  /** Special tokens that the tokenizer itself names. */
  readonly specials: Readonly<Partial<Record<'bos' | 'eos' | 'unk' | 'pad', number>>>;
  /** Tokens that it puts around a text by itself. */
  readonly frame: Frame;
}

/** Special tokens around a text. */
export interface Frame {
  readonly addBos: boolean;
  readonly addEos: boolean;
  /** The tokens that are added, where the tokenizer names them. */
  readonly bos?: string;
  readonly eos?: string;
}
