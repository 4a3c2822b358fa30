import type { Siblings } from '../../files/index.ts';
import { fail, LowbitError } from '../../tensor/index.ts';

/** Twice the largest known (Gemma's tokenizer.json has 33 MB); what is larger is no tokenizer. */
export const MAX_FILE_BYTES = 2 ** 27;

export type JsonObject = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The files beside config.json that say how text becomes tokens; each is read when asked for, or absent. */
export class TokenizerFiles {
  readonly #folder: Siblings;

  constructor(folder: Siblings) {
    this.#folder = folder;
  }

  /** @throws vocabulary/too-large, file/failed */
  async bytes(name: string): Promise<Uint8Array | undefined> {
    const source = await this.#folder.open(name).catch((error) => {
      if (error instanceof LowbitError && error.code === 'file/missing') return undefined;
      throw error;
    });
    if (source === undefined) return undefined;
    try {
      if (source.size > MAX_FILE_BYTES) {
        fail('vocabulary/too-large', {
          file: name,
          what: 'its size in bytes',
          got: source.size,
          limit: MAX_FILE_BYTES,
        });
      }
      return await source.read(0, source.size);
    } finally {
      await source.close?.();
    }
  }

  /** @throws vocabulary/malformed unless it is UTF-8. */
  async text(name: string): Promise<string | undefined> {
    const bytes = await this.bytes(name);
    if (bytes === undefined) return undefined;
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch (error) {
      return fail('vocabulary/malformed', { file: name, what: 'it is not UTF-8 text' }, error);
    }
  }

  /** @throws vocabulary/malformed unless it is a JSON object. */
  async json(name: string): Promise<JsonObject | undefined> {
    const text = await this.text(name);
    if (text === undefined) return undefined;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      return fail('vocabulary/malformed', { file: name, what: 'it is not JSON' }, error);
    }
    if (!isObject(value)) fail('vocabulary/malformed', { file: name, what: 'it is no JSON object' });
    return value;
  }
}
