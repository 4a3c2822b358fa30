import { formats, type QuantizedTensor, type Scheme } from '../../numerics/index.ts';
import { asFloats, type CodeLayout, hasZeroPoint, zeroPoints } from './code-layout.ts';

/** Smallest block that MatMulNBits and GatherBlockQuantized take. */
const LEAST_BLOCK = 16;

/** The wished block, or less where a row is shorter: the next power of two, so that little is padding. */
export function blockFor(blockSize: number, length: number): number {
  let block = LEAST_BLOCK;
  while (block < blockSize && block < length) block *= 2;
  return block;
}

export interface NBitsLayoutOptions {
  readonly scheme: Scheme;
  readonly bits: 2 | 4 | 8;
  readonly block: number;
  /** Length of one row of codes (K) and number of rows (N). */
  readonly length: number;
  readonly rows: number;
  /** How the weight itself lies: [rows, length], or [length, rows] as the right side of a MatMul. */
  readonly order: 'rows-first' | 'length-first';
  /** `blocks`: [N, blocks, bytes of a block], padded. `rows`: [N, bytes of a row]. */
  readonly shape: 'blocks' | 'rows';
  /** Every scale is multiplied by this: Gemm's alpha. */
  readonly factor?: number;
}

/**
 * Codes of 2, 4 or 8 bits packed low bits first along each row; scales [N, blocks]; zero points packed the
 * same way along the blocks of a row. This is what com.microsoft.MatMulNBits and GatherBlockQuantized read.
 * Signed codes are moved to the unsigned ones they mean there.
 */
export function nbitsLayout(options: NBitsLayoutOptions): CodeLayout {
  const { scheme, bits, block, length, rows, order, shape, factor = 1 } = options;
  const perByte = 8 / bits;
  const blocks = Math.ceil(length / block);
  const blockBytes = (block * bits) / 8;
  const rowBytes = shape === 'blocks' ? blocks * blockBytes : Math.ceil((length * bits) / 8);
  const zeroRowBytes = Math.ceil(blocks / perByte);
  const mask = 2 ** bits - 1;
  const lift = formats[scheme.format].minCode < 0 ? 2 ** (bits - 1) : 0;
  const rowsFirst = order === 'rows-first';

  const put = (bytes: Uint8Array, start: number, i: number, code: number) => {
    bytes[start + Math.floor(i / perByte)]! |= ((code + lift) & mask) << ((i % perByte) * bits);
  };

  return {
    codes: { dtype: 'uint8', dims: shape === 'blocks' ? [rows, blocks, blockBytes] : [rows, rowBytes] },
    scale: { dtype: 'float32', dims: [rows, blocks] },
    ...(hasZeroPoint(scheme) && { zeroPoint: { dtype: 'uint8', dims: [rows, zeroRowBytes] } }),
    variant: `${order} x${factor} ${block}`,
    write(q: QuantizedTensor, row, out) {
      const [first, second] = q.dims as [number, number];
      const zeros = out.zeroPoint === undefined ? undefined : zeroPoints(q);
      const scale = new Float32Array(q.scale.length);
      if (rowsFirst) {
        for (let r = 0; r < first; r++) {
          for (let i = 0; i < second; i++) put(out.codes, (row + r) * rowBytes, i, q.codes[r * second + i]!);
          for (let b = 0; b < blocks; b++) {
            scale[r * blocks + b] = q.scale[r * blocks + b]! * factor;
            if (zeros) put(out.zeroPoint!, (row + r) * zeroRowBytes, b, zeros[r * blocks + b]!);
          }
        }
        putScales(scale, row * blocks, out.scale, first * blocks, first * blocks);
        return;
      }
      for (let i = 0; i < first; i++) {
        for (let r = 0; r < second; r++) put(out.codes, r * rowBytes, row + i, q.codes[i * second + r]!);
      }
      const firstBlock = row / block;
      const tileBlocks = Math.ceil(first / block);
      for (let b = 0; b < tileBlocks; b++) {
        for (let r = 0; r < second; r++) {
          scale[r * tileBlocks + b] = q.scale[b * second + r]! * factor;
          if (zeros) put(out.zeroPoint!, r * zeroRowBytes, firstBlock + b, zeros[b * second + r]!);
        }
      }
      putScales(scale, firstBlock, out.scale, tileBlocks, blocks);
    },
  };

  /** Runs of `run` scales go to `at`, `at + stride`, ... */
  function putScales(
    values: Float32Array,
    at: number,
    target: Uint8Array,
    run: number,
    stride: number,
  ): void {
    if (run === 0) return;
    const to = asFloats(target);
    for (let i = 0; i * run < values.length; i++) {
      for (let k = 0; k < run; k++) to[at + i * stride + k] = values[i * run + k]!;
    }
  }
}
