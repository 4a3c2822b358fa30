import { type BlockKernelName, type BlockSearch, blockCoder } from '../../kernels/index.ts';
import { fail } from '../../tensor/index.ts';
import { blockFormats, type QuantizedBlockName } from './block-formats.ts';

export interface EncodeBlocksOptions {
  /** Default `best`. */
  readonly search?: BlockSearch;
  /** [rowLength], the weight of each column's squared error. */
  readonly importance?: Float32Array;
}

/** Values that are encoded at a time. */
const TILE = 1 << 20;

/**
 * Encodes whole rows to one ggml type.
 * @param values [rows, rowLength], finite
 * @returns the bytes of the rows, one after another
 * @throws ggml/row-length when a row is no whole number of blocks; ggml/needs-importance; numerics/not-finite
 */
export async function encodeBlocks(
  name: QuantizedBlockName,
  values: Float32Array,
  rowLength: number,
  { search = 'best', importance }: EncodeBlocksOptions = {},
): Promise<Uint8Array> {
  const { block, bytes, label, importance: use } = blockFormats[name];
  if (rowLength <= 0 || rowLength % block !== 0 || values.length % rowLength !== 0)
    fail('ggml/row-length', { type: label, rowLength, block });
  if (use === 'required' && importance === undefined) fail('ggml/needs-importance', { type: label });
  const coder = await blockCoder(name as BlockKernelName);
  const encoded = new Uint8Array((values.length / block) * bytes);
  const step = Math.max(1, Math.floor(TILE / rowLength)) * rowLength;
  for (let at = 0; at < values.length; at += step) {
    const part = values.subarray(at, at + step);
    const input = coder.input(part.length / rowLength, rowLength, 'float32', importance);
    input.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
    const result = coder.encode(search);
    if (typeof result === 'number')
      fail('numerics/not-finite', { name: label, index: at + result, value: String(part[result]) });
    encoded.set(result, (at / block) * bytes);
  }
  return encoded;
}

/** Decodes `count` values of one ggml type; `bytes` are whole blocks. */
export async function decodeBlocks(
  name: QuantizedBlockName,
  bytes: Uint8Array,
  count: number,
): Promise<Float32Array<ArrayBuffer>> {
  const { block, bytes: blockBytes } = blockFormats[name];
  const coder = await blockCoder(name as BlockKernelName);
  const values = new Float32Array(count);
  for (let at = 0; at < count; at += TILE) {
    const length = Math.min(TILE, count - at);
    const from = (at / block) * blockBytes;
    const part = coder.decode(bytes.subarray(from, from + (length / block) * blockBytes), length);
    values.set(new Float32Array(part.buffer, part.byteOffset, length), at);
  }
  return values;
}
