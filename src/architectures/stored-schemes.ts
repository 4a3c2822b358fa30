import {
  loadQuantized,
  partsOf,
  type QuantizedEntry,
  readQuantizedEntries,
  rowLengthOf,
  type SafetensorsFile,
  type TensorSource,
} from '../files/index.ts';
import { dequantizeComposite } from '../numerics/index.ts';
import { bytesOf } from './computed-tensors.ts';

/**
 * The tensors of a safetensors file with those that are stored in a scheme (`safetensors:nf4/64+rans`) as float32;
 * their parts are gone. One of them is in memory at a time, from its first row on. Other tensors stay.
 * @throws quantized/version, quantized/tensor
 */
export function withoutSchemes(
  weights: Pick<SafetensorsFile, 'metadata' | 'tensors'>,
  file: string,
): ReadonlyMap<string, TensorSource> {
  const { tensors } = weights;
  const entries = readQuantizedEntries(weights, file);
  if (entries.size === 0) return tensors;
  const parts = new Set([...entries.keys()].flatMap((name) => partsOf(name, tensors)));
  let held: { readonly name: string; readonly bytes: Promise<Uint8Array> } | undefined;
  const decode = async (name: string, entry: QuantizedEntry) =>
    bytesOf(dequantizeComposite(await loadQuantized(name, entry, tensors, file)));
  const result = new Map([...tensors].filter(([name]) => !parts.has(name)));
  for (const [name, entry] of entries) {
    const rowBytes = 4 * rowLengthOf(entry.dims);
    result.set(name, {
      name,
      shape: entry.dims,
      type: 'float32',
      async read(from, to) {
        if (held?.name !== name) held = { name, bytes: decode(name, entry) };
        return (await held.bytes).subarray(from * rowBytes, to * rowBytes);
      },
    });
  }
  return result;
}
