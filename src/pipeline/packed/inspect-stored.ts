import {
  type ByteSource,
  openPacked,
  partsOf,
  readQuantizedEntries,
  rowCountOf,
  type SafetensorsFile,
} from '../../files/index.ts';
import { formats, type NumberFormat, parseScheme, schemeAt, totalCodes } from '../../numerics/index.ts';
import { type StoredRecord, type StoredTensorRecord, storedTotals } from '../../report/index.ts';
import { elementCount } from '../../tensor/index.ts';
import { storedTensor } from './pack-model.ts';

/** Values of all tensors of a safetensors file: those of quantized ones once, and their scales and books not at all. */
export function quantizedParameters(weights: SafetensorsFile, file: string): number {
  const entries = readQuantizedEntries(weights, file);
  const parts = new Set([...entries.keys()].flatMap((name) => partsOf(name, weights.tensors)));
  const kept = [...weights.tensors.values()].filter(({ name }) => !parts.has(name));
  const shapes = [...kept.map(({ shape }) => shape), ...[...entries.values()].map(({ dims }) => dims)];
  return shapes.reduce((sum, shape) => sum + elementCount(shape), 0);
}

/** What the quantized tensors of a safetensors file take; undefined where there are none. Headers alone are read. */
export function inspectQuantized(weights: SafetensorsFile, file: string): StoredRecord | undefined {
  const entries = readQuantizedEntries(weights, file);
  if (entries.size === 0) return undefined;
  const sizeOf = (name: string): number => {
    const tensor = weights.tensors.get(name);
    const pieces = tensor?.pieces?.(0, rowCountOf(tensor.shape)) ?? [];
    return pieces.reduce((sum, { length }) => sum + length, 0);
  };
  const tensors = [...entries].map(([name, { scheme: as, axes, dims, entropy }]): StoredTensorRecord => {
    const request = parseScheme(as);
    const format: NumberFormat = formats[request.format];
    const sizeBytes = partsOf(name, weights.tensors).reduce((sum, part) => sum + sizeOf(part), 0);
    const values = elementCount(dims);
    // Of a shape that no file of this size holds, the codes are not counted one block after another.
    const plausible = values <= 2048 * format.unit * Math.max(1, sizeBytes);
    const codes = plausible ? totalCodes(schemeAt(request, axes), dims) : values;
    const codeBytes = sizeOf(`${name}.codes`) + sizeOf(`${name}.codes.rans`);
    return {
      name,
      shape: dims,
      as,
      values,
      codes,
      sizeBytes,
      bitsPerWeight: values === 0 ? 0 : (8 * sizeBytes) / values,
      bitsPerCode: codes === 0 ? 0 : (8 * codeBytes) / codes,
      entropyBits: entropy ?? format.bits,
    };
  });
  return { ...storedTotals(tensors), tensors, files: [{ path: file, sizeBytes: weights.sizeBytes }] };
}

/** What the tensors of a .lowbit file take; undefined for other files. Headers alone are read. */
export async function inspectPacked(source: ByteSource): Promise<StoredRecord | undefined> {
  const packed = await openPacked(source);
  if (packed === undefined) return undefined;
  const tensors = packed.described
    .flatMap(({ parts }) => parts)
    .map(({ tensor: name, dtype = '', dims = [], entropy, length }) => {
      const tensor = packed.tensors.get(name);
      const pieces = tensor?.pieces?.(0, rowCountOf(tensor.shape)) ?? [];
      const sizeBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
      const values = elementCount(dims) || length;
      const bitsPerWeight = values === 0 ? 0 : (8 * sizeBytes) / values;
      return storedTensor({ name, dtype, dims, values, sizeBytes, bitsPerWeight, entropyBits: entropy ?? 0 });
    });
  return { ...storedTotals(tensors), tensors, files: [{ path: source.name, sizeBytes: source.size }] };
}
