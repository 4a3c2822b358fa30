import { readableTensors, readJson } from '../../architectures/index.ts';
import {
  rowLengthOf,
  type Staging,
  safetensorsFolderFiles,
  type TensorSource,
  writeSafetensorsFolder,
} from '../../files/index.ts';
import { fromFloat32, toFloat32 } from '../../numerics/index.ts';
import { formatBytes, type RunRecord } from '../../report/index.ts';
import { bytesOf, type DType, dtypes, fail, tensorFromBytes, throwIfAborted } from '../../tensor/index.ts';
import { quantizationKeys } from '../checkpoint/quantization-keys.ts';
import { refuseOtherOptions } from '../checkpoint/refuse-other-options.ts';
import type { ConvertOptions } from '../convert.ts';
import {
  CONFIG,
  copyCompanions,
  type OpenedFolder,
  openFolderOfWeights,
  plainMetadata,
  rewriteConfig,
} from './folder-files.ts';
import type { FolderFloat } from './packed-target.ts';
import { plannedConversion, storedPlace, storedRecord } from './stored-output.ts';

/** From here on float16 rounds to infinity. */
const FLOAT16_OVERFLOW = 65520;
/** What config.json calls the type of the weights: the second is the older name. */
const typeKeys = ['dtype', 'torch_dtype'];

/**
 * A folder of quantized tensors as plain floats: `convert({ to: 'safetensors:float16' })`. Ours, and those of
 * bitsandbytes and of 8-bit floats. All real numbers get the type that is asked, and config.json says it.
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
  const folder = await openFolderOfWeights(options.model, label);
  const { weights, name } = folder;
  try {
    const json = await readJson(folder.siblings, CONFIG);
    const readable = await readableTensors(weights, json, name);
    const tensors = [...readable.values()].map((tensor) => floatsIn(tensor, dtype));
    const source = { path: name, sizeBytes: weights.sizeBytes };
    const metadata = plainMetadata(weights.metadata);
    const files = safetensorsFolderFiles(tensors, { metadata });
    const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
    if (options.dryRun) {
      const names = files.length === 1 ? files[0]!.name : `${files.length} shards`;
      const note = `${tensors.length} tensors would be written as ${names}, ${formatBytes(sizeBytes)}; real numbers as ${dtype}.`;
      const planned = files.map((file) => ({ path: file.name, sizeBytes: file.sizeBytes }));
      const output = plannedConversion(label, note, sizeBytes, planned);
      return await storedRecord('convert', source, output, started);
    }
    const place = await storedPlace(options.output, () => ['model.safetensors'], {
      folder: true,
      force: options.force,
      sources: folder.sources,
    });
    try {
      const { staging } = place;
      emit({ type: 'step', step: 'write' });
      const names = await writeSafetensorsFolder(staging.folder, tensors, {
        metadata,
        ...(signal && { signal }),
      });
      const companions = await copyCompanions(folder.siblings, staging, [CONFIG]);
      companions.push(...(await writePlainConfig(folder, json, staging, dtype)));
      const published = await staging.publish([...companions, ...names]);
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

/** All real numbers in one type, a row at a time; what has it already stays bit for bit, and so do integers. */
function floatsIn(tensor: TensorSource, dtype: FolderFloat): TensorSource {
  const { name, shape, type } = tensor;
  if (type === dtype || !isReal(type)) return tensor;
  const length = rowLengthOf(shape);
  return {
    name,
    shape,
    type: dtype,
    async read(from, to) {
      const dims = [(to - from) * length];
      const bytes = (await tensor.read(from, to)).slice();
      const values = toFloat32(tensorFromBytes(type as Exclude<DType, 'string'>, dims, bytes));
      const beyond =
        dtype === 'float16'
          ? values.findIndex((x) => FLOAT16_OVERFLOW <= Math.abs(x) && Number.isFinite(x))
          : -1;
      if (beyond >= 0)
        fail('numerics/beyond-range', {
          name,
          index: from * length + beyond,
          value: String(values[beyond]),
          type: dtype,
        });
      return bytesOf(fromFloat32(values, dims, dtype));
    },
  };
}

/** Numbers that stand for themselves: exponents alone (E8M0) are scales of others. */
const isReal = (type: string): boolean => dtypes[type as DType]?.kind === 'float' && type !== 'float8e8m0';

/** config.json for floats of this type; undefined where there is none. */
async function writePlainConfig(
  folder: OpenedFolder,
  json: Readonly<Record<string, unknown>> | undefined,
  staging: Staging,
  dtype: FolderFloat,
): Promise<string[]> {
  if (json === undefined) return [];
  const said = typeKeys.filter((key) => Object.hasOwn(json, key));
  const types = Object.fromEntries((said.length > 0 ? said : ['torch_dtype']).map((key) => [key, dtype]));
  return [await rewriteConfig(folder, staging, [...quantizationKeys, ...said], types)];
}
