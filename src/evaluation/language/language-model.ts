/** A model that says how likely each token of a text is; llama.cpp behind a GGUF file. */
export interface LanguageModel {
  readonly name: string;
  /** 'node-llama-cpp 3.22.1'. */
  readonly runtime: string;
  /** Tokens that it was trained to look at. */
  readonly trainedContext: number;
  /** The token that begins a text, where the model wants one. */
  readonly firstToken: number | undefined;
  tokenize(text: string): readonly number[];
  /**
   * -log p(tokens[i + 1] | tokens[0..i]) in nats for i from `from` on, [tokens.length - 1 - from]; nothing is
   * remembered from call to call.
   */
  negativeLogLikelihoods(tokens: readonly number[], from: number): Promise<Float64Array>;
  close(): Promise<void>;
}

export interface LanguageModelOptions {
  /** Tokens of the longest call. Default 512. */
  readonly context?: number;
  readonly threads?: number;
  readonly signal?: AbortSignal;
}
