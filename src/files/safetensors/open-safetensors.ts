import type { ByteSource } from '../bytes.ts';
import type { TensorSource } from '../tensor-source.ts';
import { readSafetensorsHeader } from './read-header.ts';

/** A safetensors file, or the files of one model, opened for reading. */
export interface SafetensorsFile {
  /** By name, in the order of their data. */
  readonly tensors: ReadonlyMap<string, TensorSource>;
  /** `__metadata__`. Of a folder with an index: those of all files, the first one's where they differ. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Of all files together. */
  readonly sizeBytes: number;
  readonly shards: number;
  close(): Promise<void>;
}

/**
 * Opens one safetensors file. Only its header is read; tensors are read row by row when they are asked for.
 * https://github.com/huggingface/safetensors#format
 * @throws safetensors/not-safetensors, safetensors/pickle, safetensors/truncated, safetensors/too-large,
 *   safetensors/malformed, safetensors/tensor, safetensors/dtype
 */
export async function openSafetensors(source: ByteSource): Promise<SafetensorsFile> {
  const { tensors, metadata } = await readSafetensorsHeader(source);
  return {
    tensors,
    metadata,
    sizeBytes: source.size,
    shards: 1,
    close: async () => source.close?.(),
  };
}
