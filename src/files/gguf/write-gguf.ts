import { fail, throwIfAborted } from '../../tensor/index.ts';
import type { ByteSink } from '../bytes.ts';
import { rowCountOf, type TensorSource } from '../tensor-source.ts';
import type { GgufModel } from './gguf.ts';
import { type GgufLayout, type GgufLayoutOptions, layoutGguf, type PlacedTensor } from './layout-gguf.ts';

export interface WriteGgufOptions extends GgufLayoutOptions {
  /** Read at a time; a longer row is read whole. Default 4 MiB. */
  readonly tileBytes?: number;
  readonly onProgress?: (progress: { readonly doneBytes: number; readonly totalBytes: number }) => void;
  readonly signal?: AbortSignal;
}

/**
 * Writes a model as it is, tile by tile. The sink is left open: the caller commits it, or aborts it when this throws.
 * @throws gguf/not-writable, run/aborted, and what reading and writing throw
 */
export async function writeGguf(
  sink: ByteSink,
  model: GgufModel,
  options: WriteGgufOptions = {},
): Promise<GgufLayout> {
  const { tileBytes = 2 ** 22, signal, onProgress } = options;
  const layout = layoutGguf(model.metadata, model.tensors, options);
  const totalBytes = layout.sizeBytes;
  let doneBytes = 0;
  const put = async (bytes: Uint8Array) => {
    throwIfAborted(signal);
    await sink.write(bytes);
    doneBytes += bytes.byteLength;
    onProgress?.({ doneBytes, totalBytes });
  };
  await put(layout.header);
  for (const [i, tensor] of model.tensors.entries()) {
    await putTensor(tensor, layout.tensors[i]!, tileBytes, put);
  }
  return layout;
}

async function putTensor(
  tensor: TensorSource,
  { sizeBytes, paddedBytes }: PlacedTensor,
  tileBytes: number,
  put: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const rows = rowCountOf(tensor.shape);
  const rowBytes = sizeBytes / rows;
  const step = Math.max(1, Math.floor(tileBytes / rowBytes));
  for (let from = 0; from < rows; from += step) {
    const to = Math.min(rows, from + step);
    const bytes = await tensor.read(from, to);
    const wanted = (to - from) * rowBytes;
    if (bytes.byteLength !== wanted) {
      const why = `gave ${bytes.byteLength} bytes for rows ${from} to ${to}, which take ${wanted}`;
      fail('gguf/not-writable', { what: `tensor '${tensor.name}'`, why });
    }
    await put(bytes);
  }
  if (paddedBytes > sizeBytes) await put(new Uint8Array(paddedBytes - sizeBytes));
}
