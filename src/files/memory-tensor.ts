import { elementCount, fail } from '../tensor/index.ts';
import { fileTensor } from './file-tensor.ts';
import { memorySource } from './memory-source.ts';
import { storedBytes } from './stored-size.ts';
import type { StoredType, TensorSource } from './tensor-source.ts';

/**
 * A tensor whose bytes are in memory.
 * @param bytes row-major, little-endian
 * @throws tensor/stored-length when they are not what the shape needs
 */
export function memoryTensor(
  name: string,
  shape: readonly number[],
  type: StoredType,
  bytes: Uint8Array,
): TensorSource {
  const wanted = storedBytes(type, elementCount(shape));
  if (bytes.byteLength !== wanted) {
    fail('tensor/stored-length', { tensor: name, type, dims: [...shape], got: bytes.byteLength, wanted });
  }
  return fileTensor({ name, shape, type, source: memorySource(bytes, name), offset: 0 });
}
