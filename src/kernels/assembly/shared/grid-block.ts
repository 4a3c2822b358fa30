/** A block of a grid type before it is packed; see ../../ggml/grid-format.ref.ts. */

/** Codes i32 [64]; signs u8 [32]; scales u8 [16]; u8 [16], 1: ggml left the group out. */
export const CODES = memory.data(64 << 2, 16);
export const SIGNS = memory.data(32, 16);
export const SCALES = memory.data(16, 16);
export const LEFT = memory.data(16, 16);
/** float16 bits of d. */
export const D = memory.data(4, 16);

export function clearBlock(): void {
  memory.fill(CODES, 0, 64 << 2);
  memory.fill(SIGNS, 0, 32);
  memory.fill(SCALES, 0, 16);
  memory.fill(LEFT, 0, 16);
  store<u32>(D, 0);
}
