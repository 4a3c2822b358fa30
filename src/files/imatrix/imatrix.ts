/**
 * Importance matrices as llama.cpp keeps them: for every matrix of the model, how large the activations are that
 * each of its columns meets. Sources: imatrix.cpp, imatrix-loader.cpp and quantize.cpp of llama.cpp v0.5.0.
 */

/** What was seen of one tensor. */
export interface ImatrixEntry {
  /**
   * [matrices, rowLength], sums of squared activations over `counts` tokens. In a legacy file they were divided
   * already, and are mean squares times `counts[0]` chunks.
   */
  readonly sums: Float32Array;
  /** Tokens (in a legacy file: chunks) of each matrix: one, or one per expert. */
  readonly counts: readonly number[];
  /** Rows of `sums` that have a count of their own; a legacy file does not say, and has 1. */
  readonly matrices: number;
  /**
   * Mean squares, as llama-quantize weighs errors with them: `sums` divided by their count in float32, and 1
   * throughout for a matrix that no token reached. They fit a tensor [.., matrices, rows, rowLength] if their number
   * is rowLength times its matrices.
   */
  readonly values: Float32Array;
}

/** The two formats: 'gguf', and 'dat', the legacy one. */
export type ImatrixFormat = 'gguf' | 'dat';

export interface Imatrix {
  readonly format: ImatrixFormat;
  /** By the name of the tensor, such as 'blk.0.attn_q.weight'. */
  readonly entries: ReadonlyMap<string, ImatrixEntry>;
  /** Texts that it was computed on. */
  readonly datasets: readonly string[];
  /** Chunks of text. */
  readonly chunks: number;
  /** Tokens of a chunk; 0 where the file does not say (legacy). */
  readonly chunkSize: number;
}

/**
 * An entry from what was summed up.
 * @param sums [matrices, rowLength] with as many matrices as there are counts
 */
export function imatrixEntry(
  sums: Float32Array,
  counts: readonly number[],
  format: ImatrixFormat,
): ImatrixEntry {
  const rowLength = sums.length / counts.length;
  const values = new Float32Array(sums.length);
  for (const [matrix, count] of counts.entries()) {
    const from = matrix * rowLength;
    const divisor = Math.fround(count);
    for (let i = from; i < from + rowLength; i++) {
      // A double quotient of two floats, rounded to float, is the float quotient.
      if (divisor > 0) values[i] = sums[i]! / divisor;
      else values[i] = format === 'gguf' ? 1 : sums[i]!;
    }
  }
  return { sums, counts, matrices: counts.length, values };
}
