import { fail } from '../../tensor/index.ts';
import type { ByteSource } from '../bytes.ts';

/** The vocabulary of a llama2.c model. Ids 0, 1 and 2 are `<unk>`, begin and end of a text. */
export interface Llama2cTokenizer {
  /**
   * By id. Pieces of SentencePiece with spaces for its '▁'; bytes are written as `<0x0A>`. Ids 1 and 2 stand as
   * '\n<s>\n' and '\n</s>\n'.
   */
  readonly tokens: readonly string[];
  /** By id: pairs with the highest score are merged first. */
  readonly scores: Float32Array;
  /** Of the longest token, in bytes. */
  readonly maxTokenBytes: number;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** No vocabulary is larger. */
const MAX_SIZE_BYTES = 2 ** 26;

/**
 * Reads the tokenizer of a llama2.c model (`tokenizer.bin`): int32 length of the longest token; for each token its
 * score as float32, its length and its bytes.
 * @param vocabularySize the model's: the file does not say it
 * @throws llama2c/malformed
 */
export async function readLlama2cTokenizer(
  source: ByteSource,
  vocabularySize: number,
): Promise<Llama2cTokenizer> {
  const { name: file, size } = source;
  const wrong = (what: string): never => fail('llama2c/malformed', { file, what });
  if (size < 4 + 8 * vocabularySize || size > MAX_SIZE_BYTES) {
    return wrong(`it has ${size} bytes, which is no vocabulary of ${vocabularySize} tokens`);
  }
  const bytes = await source.read(0, size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tokens: string[] = [];
  const scores = new Float32Array(vocabularySize);
  let at = 4;
  for (let id = 0; id < vocabularySize; id++) {
    if (at + 8 > size) return wrong(`it ends before token ${id} of ${vocabularySize}`);
    const length = view.getInt32(at + 4, true);
    if (length < 0 || at + 8 + length > size) return wrong(`token ${id} has a length of ${length} bytes`);
    scores[id] = view.getFloat32(at, true);
    if (Number.isNaN(scores[id])) return wrong(`the score of token ${id} is NaN`);
    try {
      tokens.push(utf8.decode(bytes.subarray(at + 8, at + 8 + length)));
    } catch {
      return wrong(`token ${id} is not UTF-8`);
    }
    at += 8 + length;
  }
  if (at !== size)
    return wrong(
      `${size - at} bytes follow its ${vocabularySize} tokens; it may be the one of another model`,
    );
  return { tokens, scores, maxTokenBytes: view.getInt32(0, true) };
}
