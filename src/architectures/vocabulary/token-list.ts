import type { MetadataValue } from '../../files/index.ts';
import { fail } from '../../tensor/index.ts';
import { named, shortened, shown } from './shown.ts';

/** What a token is to llama.cpp, with its number in `tokenizer.ggml.token_type`. */
export const tokenTypes = {
  normal: 1,
  unknown: 2,
  /** Special: matched in text only where special tokens are asked for, and not shown. */
  control: 3,
  /** Matched in text before anything else. */
  userDefined: 4,
  unused: 5,
  /** One byte, written <0x00> to <0xFF>. */
  byte: 6,
} as const;

export type TokenType = keyof typeof tokenTypes;

/** More tokens than any vocabulary has (the largest known ones have some 300,000). */
export const MAX_TOKENS = 2 ** 22;

/** Score of a token that stands for an id without one, as llama.cpp's converter gives it. */
const PADDING_SCORE = -10_000;

interface Token {
  text: string;
  type: TokenType;
  score: number;
  /** Added beside the trained vocabulary. */
  added: boolean;
}

/**
 * The tokens of a vocabulary by id. Every id has one text and every text one id: llama.cpp looks tokens up both
 * ways, and ends the process if two share a text.
 */
export class TokenList {
  /** For messages. */
  readonly file: string;
  readonly #tokens: (Token | undefined)[] = [];
  /** Texts as the tokenizer files have them. */
  readonly #ids = new Map<string, number>();

  constructor(file: string) {
    this.file = file;
  }

  /** One more than the largest id. */
  get length(): number {
    return this.#tokens.length;
  }

  idOf(text: string): number | undefined {
    return this.#ids.get(text);
  }

  textOf(id: number): string | undefined {
    return this.#tokens[id]?.text;
  }

  typeOf(id: number): TokenType | undefined {
    return this.#tokens[id]?.type;
  }

  /** @throws vocabulary/malformed, vocabulary/too-large, vocabulary/id-twice, vocabulary/token-twice */
  place(id: unknown, text: string, type: TokenType, score = 0, added = false): void {
    const { file } = this;
    const token = shortened(text);
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0) {
      fail('vocabulary/malformed', { file, what: `token '${token}' has the id ${shown(id)}` });
    }
    if (id >= MAX_TOKENS) {
      fail('vocabulary/too-large', {
        file,
        what: `the id of token '${token}'`,
        got: id,
        limit: MAX_TOKENS - 1,
      });
    }
    if (/\p{Surrogate}/u.test(text)) {
      fail('vocabulary/malformed', { file, what: `token ${id} holds half a surrogate pair` });
    }
    const there = this.#tokens[id];
    if (there !== undefined)
      fail('vocabulary/id-twice', { file, id, first: shortened(there.text), second: token });
    const first = this.#ids.get(text);
    if (first !== undefined) fail('vocabulary/token-twice', { file, token, first, second: id });
    while (this.#tokens.length < id) this.#tokens.push(undefined);
    this.#tokens[id] = { text, type, score, added };
    this.#ids.set(text, id);
  }

  /** Changes what an id is; its old text stays known. */
  change(id: number, { text, type, score }: { text?: string; type?: TokenType; score?: number }): void {
    const token = this.#tokens[id]!;
    if (text !== undefined && text !== token.text) {
      token.text = text;
      if (!this.#ids.has(text)) this.#ids.set(text, id);
    }
    token.type = type ?? token.type;
    token.score = score ?? token.score;
  }

  /**
   * Makes the list `size` tokens long: ids without a token become unused `[PAD<id>]`, as llama.cpp's converter names
   * them; added tokens beyond the size are left out, because no row of the embedding belongs to them.
   * @throws vocabulary/larger-than-embedding when a token of the trained vocabulary is beyond the size,
   *   vocabulary/token-twice when llama.cpp would read two tokens as one text.
   */
  resize(size: number, onNote: (note: string) => void): void {
    const beyond = this.#tokens.slice(size).flatMap((token) => token ?? []);
    const trained = beyond.find((token) => !token.added);
    if (trained !== undefined) {
      const id = this.#ids.get(trained.text)!;
      fail('vocabulary/larger-than-embedding', { file: this.file, token: shortened(trained.text), id, size });
    }
    if (beyond.length > 0) {
      onNote(
        `${beyond.length} added tokens of ${this.file} have ids beyond the ${size} rows of the embedding and are left out: ${named(beyond.map((t) => t.text))}.`,
      );
      for (const { text } of beyond) this.#ids.delete(text);
      this.#tokens.length = size;
    }
    let padded = 0;
    for (let id = 0; id < size; id++) {
      if (this.#tokens[id] !== undefined) continue;
      padded++;
      this.#tokens[id] = { text: `[PAD${id}]`, type: 'unused', score: PADDING_SCORE, added: true };
    }
    if (padded > 0)
      onNote(`${padded} ids of the embedding have no token; they become unused [PAD<id>] tokens.`);
    this.#checkTexts();
  }

  /** llama.cpp reads a text up to its first zero byte, and an empty one by its id. */
  #checkTexts(): void {
    const seen = new Map<string, number>();
    for (const [id, token] of this.#tokens.entries()) {
      const text = token!.text.split('\0', 1)[0] || `[EMPTY_${id}]`;
      const first = seen.get(text);
      if (first !== undefined) {
        fail('vocabulary/token-twice', { file: this.file, token: shortened(text), first, second: id });
      }
      seen.set(text, id);
    }
  }

  texts(): string[] {
    return this.#tokens.map((token) => token!.text);
  }

  /** `tokens`, `scores` if the model has them, `token_type`: after `resize`. */
  *metadata(withScores: boolean): Generator<[string, MetadataValue]> {
    yield ['tokenizer.ggml.tokens', { type: 'array', of: 'string', value: this.texts() }];
    if (withScores) {
      const value = Float32Array.from(this.#tokens, (token) => token!.score);
      yield ['tokenizer.ggml.scores', { type: 'array', of: 'float32', value }];
    }
    const value = Int32Array.from(this.#tokens, (token) => tokenTypes[token!.type]);
    yield ['tokenizer.ggml.token_type', { type: 'array', of: 'int32', value }];
  }
}
