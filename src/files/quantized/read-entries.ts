import { checkGranularity } from '../../numerics/index.ts';
import { elementCount, fail, LowbitError } from '../../tensor/index.ts';
import type { SafetensorsFile } from '../safetensors/open-safetensors.ts';
import { QUANTIZED_KEY, QUANTIZED_VERSION, type QuantizedEntry, schemeOf } from './tensor-entry.ts';

/** More axes than any tensor has. */
const MAX_RANK = 16;

/**
 * What a safetensors file says of its quantized tensors, by name; empty when it holds none. Schemes and shapes are
 * checked; the parts are checked when a tensor is read.
 * @throws quantized/version, quantized/tensor
 */
export function readQuantizedEntries(
  { metadata }: Pick<SafetensorsFile, 'metadata'>,
  file: string,
): Map<string, QuantizedEntry> {
  const text = metadata.get(QUANTIZED_KEY);
  if (text === undefined) return new Map();
  const refuse = (tensor: string, what: string, cause?: unknown): never =>
    fail('quantized/tensor', { file, tensor, what }, cause);
  let description: unknown;
  try {
    description = JSON.parse(text);
  } catch (cause) {
    refuse('', `'${QUANTIZED_KEY}' of the metadata is no JSON`, cause);
  }
  if (!isRecord(description)) return refuse('', `'${QUANTIZED_KEY}' of the metadata is no object`);
  const { version, tensors } = description;
  if (version !== QUANTIZED_VERSION)
    fail('quantized/version', { file, got: String(version), known: QUANTIZED_VERSION });
  if (!isRecord(tensors)) return refuse('', 'no tensors are listed');
  return new Map(
    Object.entries(tensors).map(([name, entry]) => [
      name,
      readEntry(entry, (what, cause) => refuse(name, what, cause)),
    ]),
  );
}

function readEntry(entry: unknown, refuse: (what: string, cause?: unknown) => never): QuantizedEntry {
  if (!isRecord(entry)) return refuse('its description is no object');
  const { scheme, axes, dims, mean, tensorScale, entropy, crc32, ...more } = entry;
  const unknown = Object.keys(more)[0];
  if (unknown !== undefined) return refuse(`'${unknown}' of its description is not known`);
  if (typeof scheme !== 'string') return refuse('it has no scheme');
  if (!isCounts(dims) || dims.length > MAX_RANK || !Number.isSafeInteger(elementCount(dims)))
    return refuse(`its shape is ${JSON.stringify(dims)}`);
  if (!isRecord(axes) || !isCounts([axes.channel, axes.group]))
    return refuse(`its axes are ${JSON.stringify(axes)}`);
  if (mean !== undefined && !Number.isFinite(mean))
    return refuse(`the mean of its scales is ${String(mean)}`);
  if (tensorScale !== undefined && !Number.isFinite(tensorScale))
    return refuse(`the scale of the tensor is ${String(tensorScale)}`);
  if (entropy !== undefined && !Number.isFinite(entropy)) return refuse(`its entropy is ${String(entropy)}`);
  if (!isRecord(crc32) || !isCounts(Object.values(crc32)))
    return refuse('it does not give the checksums of its parts');
  const read = {
    scheme,
    axes: { channel: axes.channel as number, group: axes.group as number },
    dims,
    ...(mean !== undefined && { mean: mean as number }),
    ...(tensorScale !== undefined && { tensorScale: tensorScale as number }),
    ...(entropy !== undefined && { entropy: entropy as number }),
    crc32: crc32 as Readonly<Record<string, number>>,
  };
  try {
    checkGranularity(schemeOf(read).scheme.granularity, dims);
  } catch (error) {
    if (error instanceof LowbitError)
      return refuse(`its scheme '${scheme}' does not fit: ${error.message}`, error);
    throw error;
  }
  return read;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
