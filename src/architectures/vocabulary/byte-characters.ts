/**
 * The visible characters that byte-level tokenizers write the 256 bytes as: a byte that can be seen as Latin-1 is
 * itself, the others are U+0100 and on, in order. Source: GPT-2's encoder.
 */
export const byteCharacters: readonly string[] = (() => {
  const visible = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(visible(byte) ? byte : next++));
})();
