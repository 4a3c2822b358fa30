import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GgufModel, openFolder, type TensorSource, writeGguf } from 'lowbit/files';
import { toFloat32 } from 'lowbit/numerics';
import { tensorFromBytes } from 'lowbit/tensor';

/** A tensor as float32, whatever it is stored as. */
export function asFloat32(tensor: TensorSource): TensorSource {
  if (tensor.type === 'float32') return tensor;
  const length = tensor.shape.at(-1) ?? 1;
  return {
    name: tensor.name,
    shape: tensor.shape,
    type: 'float32',
    async read(from, to) {
      const bytes = await tensor.read(from, to);
      const values = toFloat32(tensorFromBytes(tensor.type as 'bfloat16', [(to - from) * length], bytes));
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    },
  };
}

/** Writes a model as a float32 GGUF file, hands its path over, and removes it. */
export async function withGguf<T>(model: GgufModel, use: (path: string) => T | Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'lowbit-'));
  try {
    const sinks = await openFolder(folder);
    const sink = await sinks.open('model.gguf');
    await writeGguf(sink, { metadata: model.metadata, tensors: model.tensors.map(asFloat32) });
    await sink.commit();
    return await use(join(folder, 'model.gguf'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
