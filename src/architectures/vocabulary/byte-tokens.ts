import { fail } from '../../tensor/index.ts';
import type { TokenList } from './token-list.ts';

const bytes = Array.from({ length: 256 }, (_, byte) => byte);

/** Text of the token of a byte. */
const byteToken = (byte: number) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;

/**
 * llama.cpp's SentencePiece tokenizer writes unknown characters as bytes, and ends the process for a byte without a
 * token; an ASCII character may stand for its byte.
 * @throws vocabulary/no-bytes
 */
export function checkByteTokens(tokens: TokenList): void {
  const missing = bytes.filter(
    (byte) =>
      tokens.idOf(byteToken(byte)) === undefined &&
      (byte >= 0x80 || tokens.idOf(String.fromCharCode(byte)) === undefined),
  );
  if (missing.length > 0) {
    fail('vocabulary/no-bytes', { file: tokens.file, count: missing.length, first: byteToken(missing[0]!) });
  }
}
