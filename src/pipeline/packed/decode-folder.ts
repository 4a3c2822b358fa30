import { readableTensors, readJson } from '../../architectures/index.ts';
import {
  loadQuantized,
  partsOf,
  QUANTIZED_KEY,
  type QuantizedEntry,
  readQuantizedEntries,
  type SafetensorsFile,
  type Siblings,
  type Staging,
  type TensorSource,
  writeSafetensorsFolder,
} from '../../files/index.ts';
import { dequantizeComposite, fromFloat32, toFloat32 } from '../../numerics/index.ts';
import type { RunRecord } from '../../report/index.ts';
import { bytesOf, tensorFromBytes, throwIfAborted } from '../../tensor/index.ts';
import { isQuantized, quantizationKeys } from '../checkpoint/quantization-keys.ts';
import { refuseOtherOptions } from '../checkpoint/refuse-other-options.ts';
import { replaceMembers } from '../checkpoint/replace-members.ts';
import type { ConvertOptions } from '../convert.ts';
import { copyCompanions, openFolderOfWeights, readText } from './folder-files.ts';
import type { FolderFloat } from './packed-target.ts';
import { plannedConversion, storedPlace, storedRecord } from './stored-output.ts';

const CONFIG = 'config.json';

/**
 * A folder of quantized tensors as plain floats: `convert({ to: 'safetensors:float16' })`. Ours, and those of
 * bitsandbytes and of 8-bit floats, whose config.json says so.
 */
export async function decodeFolder(
  options: ConvertOptions,
  dtype: FolderFloat,
  label: string,
): Promise<RunRecord> {
  const started = performance.now();
  refuseOtherOptions(options, label, { known: [], evaluate: 'is only converted; quantize measures' });
  const { signal, onEvent: emit = () => {} } = options;
  throwIfAborted(signal);
  emit({ type: 'step', step: 'open' });
  const folder = await openFolderOfWeights(options.model);
  const { weights, name } = folder;
  try {
    const json = await readJson(folder.siblings, CONFIG);
    const quantized = isQuantized(json);
    const tensors = quantized
      ? checkpointFloats(await readableTensors(weights.tensors, json!), weights, dtype)
      : decodedTensors(weights, name, dtype);
    const source = { path: name, sizeBytes: weights.sizeBytes };
    if (options.dryRun) {
      const bytes = tensors.reduce((sum, tensor) => sum + sizeOf(tensor), 0);
      const note = `${tensors.length} tensors would be written, about ${bytes} bytes.`;
      return await storedRecord('convert', source, plannedConversion(label, note, bytes), started);
    }
    const place = await storedPlace(options.output, () => ['model.safetensors'], {
      folder: true,
      force: options.force,
      sources: folder.sources,
    });
    try {
      const { staging } = place;
      emit({ type: 'step', step: 'write' });
      const metadata = new Map([...weights.metadata].filter(([key]) => key !== QUANTIZED_KEY));
      const names = await writeSafetensorsFolder(staging.folder, tensors, {
        metadata,
        ...(signal && { signal }),
      });
      const companions = await copyCompanions(folder.siblings, staging, quantized ? [CONFIG] : []);
      if (quantized) companions.push(await writePlainConfig(folder.siblings, staging));
      const published = await staging.publish([...companions, ...names]);
      const sizeBytes = tensors.reduce((sum, tensor) => sum + sizeOf(tensor), 0);
      const file = { path: published[companions.length]!, sizeBytes };
      const stored = { bitsPerWeight: 0, bitsPerCode: 0, entropyBits: 0, tensors: [], files: [file] };
      return await storedRecord('convert', source, { preset: label, file, stored, notes: [] }, started);
    } finally {
      await place.close();
    }
  } finally {
    await weights.close();
  }
}

/** The tensors of a folder with the quantized ones decoded; one of these is in memory at a time. */
function decodedTensors(weights: SafetensorsFile, file: string, dtype: FolderFloat): TensorSource[] {
  const entries = readQuantizedEntries(weights, file);
  const parts = new Set([...entries.keys()].flatMap((name) => partsOf(name, weights.tensors)));
  const plain = [...weights.tensors.values()].filter(({ name }) => !parts.has(name));
  let held: { readonly name: string; readonly bytes: Promise<Uint8Array> } | undefined;
  const decode = async (name: string, entry: QuantizedEntry) => {
    const q = await loadQuantized(name, entry, weights.tensors, file);
    return bytesOf(fromFloat32(dequantizeComposite(q), entry.dims, dtype));
  };
  const decoded = [...entries].map(([name, entry]): TensorSource => {
    const rowBytes = ((entry.dims.at(-1) ?? 1) * (dtype === 'float32' ? 32 : 16)) / 8;
    return {
      name,
      shape: entry.dims,
      type: dtype,
      async read(from, to) {
        if (held?.name !== name) held = { name, bytes: decode(name, entry) };
        return (await held.bytes).subarray(from * rowBytes, to * rowBytes);
      },
    };
  });
  return [...plain, ...decoded];
}

/** Tensors of other packages: those that were quantized have other types than in the file. */
function checkpointFloats(
  readable: ReadonlyMap<string, TensorSource>,
  { tensors }: SafetensorsFile,
  dtype: FolderFloat,
): TensorSource[] {
  return [...readable.values()].map((tensor) => {
    if (tensor === tensors.get(tensor.name)) return tensor;
    const length = tensor.shape.at(-1) ?? 1;
    return {
      name: tensor.name,
      shape: tensor.shape,
      type: dtype,
      async read(from, to) {
        const bytes = (await tensor.read(from, to)).slice();
        const values = toFloat32(tensorFromBytes('float32', [to - from, length], bytes));
        return bytesOf(fromFloat32(values, [to - from, length], dtype));
      },
    };
  });
}

/** config.json for floats. */
async function writePlainConfig(siblings: Siblings, staging: Staging): Promise<string> {
  const text = await readText(siblings, CONFIG);
  const sink = await staging.folder.open(CONFIG);
  await sink.write(new TextEncoder().encode(replaceMembers(text, quantizationKeys, {})));
  await sink.commit();
  return CONFIG;
}

function sizeOf({ shape, type }: TensorSource): number {
  const bits = { float32: 32, float16: 16, bfloat16: 16 }[type as string] ?? 8;
  return (shape.reduce((a, b) => a * b, 1) * bits) / 8;
}
