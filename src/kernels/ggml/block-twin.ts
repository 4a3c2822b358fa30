/**
 * How the codes of a block are searched. `reference`: the bytes of ggml's standard x86-64 build (strict float32,
 * no fused multiply-add, sums in ggml's order). `best`: the least weighted squared error that we can reach.
 */
export type BlockSearch = 'reference' | 'best';

/** The readable twin of one ggml type: the kernel is held to its bytes. */
export interface BlockTwin {
  /**
   * Encodes one row. Rows are ggml's unit: some searches look at the mean square of the whole row.
   * @param values [length], finite; length is a multiple of the type's block
   * @param importance [length], the weight of each column's squared error; undefined: ggml's own choice
   * @param out the row's bytes
   */
  encode(
    values: Float32Array,
    importance: Float32Array | undefined,
    search: BlockSearch,
    out: Uint8Array,
  ): void;
  /** Decodes one row. `out`: [length]. */
  decode(bytes: Uint8Array, out: Float32Array): void;
}
