import { readableTensors, readJson } from '../../architectures/index.ts';
import {
  QUANTIZED_KEY,
  QUANTIZED_VERSION,
  type QuantizedEntry,
  rowCountOf,
  type StoredSizes,
  storedBytes,
  storeQuantized,
  type TensorSource,
  writeSafetensorsFolder,
} from '../../files/index.ts';
import {
  compositeError,
  formats,
  type NumberFormat,
  quantizeComposite,
  type SchemeRequest,
  scaleDims,
  schemeText,
  toFloat32,
  totalCodes,
} from '../../numerics/index.ts';
import { formatBytes, type RunRecord, type StoredTensorRecord, storedTotals } from '../../report/index.ts';
import { elementCount, fail, tensorFromBytes, throwIfAborted } from '../../tensor/index.ts';
import { checkTensorPatterns } from '../check-patterns.ts';
import { isQuantized, quantizationKeys } from '../checkpoint/quantization-keys.ts';
import { type ReadOptions, refuseOtherOptions } from '../checkpoint/refuse-other-options.ts';
import type { QuantizeOptions } from '../recipe.ts';
import { globToRegExp } from '../selection.ts';
import {
  CONFIG,
  copyCompanions,
  DECODED,
  openFolderOfWeights,
  plainMetadata,
  rewriteConfig,
} from './folder-files.ts';
import { linearAxes, linearScheme } from './packed-target.ts';
import { openStaged, storedPlace, storedRecord } from './stored-output.ts';
import { TensorSpool } from './tensor-spool.ts';
import { TotalSqnr } from './total-sqnr.ts';

const floats: readonly string[] = ['float32', 'float16', 'bfloat16', 'float64'];
/** Tables that are looked up, and the head that mirrors them: they stay as they are unless `only` names them. */
const lookedUp = /(^|[._])(embed\w*|wte|wpe|lm_head|shared|embeddings?)([._]|$)/;

/** What a folder run may be told of the recipe. */
const read: ReadOptions = {
  known: ['keep', 'only'],
  evaluate: 'is stored and not run; convert it to safetensors:float16, and that to GGUF, to measure it here',
};

/**
 * A Hugging Face folder whose linear weights are stored in a scheme: `quantize({ to: 'safetensors:nf4/64+rans' })`.
 * Matrices of floats are quantized but for embeddings and heads; `only` and `keep` are patterns on tensor names.
 * One tensor is in memory at a time: its parts are spooled, since a header says all lengths before the first byte.
 */
export async function quantizeFolder(
  options: QuantizeOptions,
  request: SchemeRequest,
  label: string,
): Promise<RunRecord> {
  const started = performance.now();
  refuseOtherOptions(options, label, read);
  const { signal, onEvent: emit = () => {} } = options;
  throwIfAborted(signal);
  emit({ type: 'step', step: 'open' });
  const folder = await openFolderOfWeights(options.model, label);
  const source = { path: folder.name, sizeBytes: folder.weights.sizeBytes };
  try {
    const json = await readJson(folder.siblings, CONFIG);
    const readable = await readableTensors(folder.weights, json, folder.name);
    const all = [...readable.values()];
    const decoded = all.some((tensor) => tensor !== folder.weights.tensors.get(tensor.name));
    checkTensorPatterns(
      options,
      all.map(({ name }) => name),
    );
    const chosen = chooseTensors(all, options);
    if (chosen.size === 0)
      fail('recipe/nothing-to-quantize', {
        preset: label,
        why: 'no tensor is a matrix of floats that was chosen',
      });
    if (options.dryRun)
      return storedRecord('quantize', source, plannedOutput(label, request, all, chosen), started);
    const place = await storedPlace(options.output, () => ['model.safetensors'], {
      folder: true,
      force: options.force,
      sources: folder.sources,
    });
    try {
      const { staging } = place;
      const spool = await TensorSpool.open(staging);
      const entries: Record<string, QuantizedEntry> = {};
      const records: StoredTensorRecord[] = [];
      const total = new TotalSqnr();
      let done = 0;
      for (const tensor of chosen) {
        throwIfAborted(signal);
        const stored = await quantized(tensor, request, total);
        entries[tensor.name] = stored.entry;
        records.push({ ...recordOf(tensor, stored.entry.scheme, stored.sizes), sqnrDb: stored.sqnrDb });
        for (const part of stored.parts) await spool.add(part);
        emit({ type: 'progress', label: 'quantize', done: ++done, total: chosen.size, unit: 'tensors' });
      }
      const spooled = await spool.finish();
      const kept = all.filter((tensor) => !chosen.has(tensor));
      const description = JSON.stringify({ version: QUANTIZED_VERSION, tensors: entries });
      emit({ type: 'step', step: 'write' });
      const metadata = plainMetadata(folder.weights.metadata);
      const names = await writeSafetensorsFolder(staging.folder, [...kept, ...spooled.tensors], {
        metadata: metadata.set(QUANTIZED_KEY, description),
        ...(signal && { signal }),
      });
      await spooled.close();
      const sizes = await Promise.all(
        names
          .filter((name) => name.endsWith('.safetensors'))
          .map(async (name) => {
            const written = await openStaged(staging, name);
            await written.close?.();
            return written.size;
          }),
      );
      const companions = await copyCompanions(folder.siblings, staging, isQuantized(json) ? [CONFIG] : []);
      // Weights that another package had quantized are its no more.
      if (isQuantized(json)) companions.push(await rewriteConfig(folder, staging, quantizationKeys, {}));
      const published = await staging.publish([...companions, ...names]);
      const weights = { path: published[companions.length]!, sizeBytes: sizes.reduce((a, b) => a + b, 0) };
      const stored = { ...storedTotals(records), sqnrDb: total.sqnrDb, tensors: records, files: [weights] };
      const notes = [
        `Only lowbit reads these tensors: lowbit convert ${typeof options.output === 'string' ? options.output : 'folder'} --to safetensors:float16 gives them back as floats.`,
        ...(decoded ? [DECODED] : []),
      ];
      return await storedRecord('quantize', source, { preset: label, file: weights, stored, notes }, started);
    } finally {
      await place.close();
    }
  } finally {
    await folder.weights.close();
  }
}

async function quantized(tensor: TensorSource, request: SchemeRequest, total: TotalSqnr) {
  const { name, shape, type } = tensor;
  const bytes = await tensor.read(0, rowCountOf(shape));
  const values = toFloat32(tensorFromBytes(type as 'float32', shape, bytes.slice()));
  const options = { name, ...(request.range && { range: request.range }) };
  const q = await quantizeComposite(values, shape, linearScheme(request), options);
  const stored = await storeQuantized(name, q, { scheme: schemeText(request), axes: linearAxes });
  const { sqnrDb } = compositeError(values, q);
  total.add(values, sqnrDb);
  return { ...stored, sqnrDb };
}

function chooseTensors(
  all: readonly TensorSource[],
  { only = [], keep = [] }: Pick<QuantizeOptions, 'only' | 'keep'>,
): Set<TensorSource> {
  const named = (patterns: readonly string[], name: string) =>
    patterns.some((pattern) => globToRegExp(pattern).test(name));
  return new Set(
    all.filter(({ name, shape, type }) => {
      if (shape.length !== 2 || shape.includes(0) || !floats.includes(type)) return false;
      if (named(keep, name)) return false;
      return only.length > 0 ? named(only, name) : !lookedUp.test(name);
    }),
  );
}

/** Sizes without a value read: codes packed, scales in float32 at most, outliers left out. */
function plannedOutput(
  preset: string,
  request: SchemeRequest,
  all: readonly TensorSource[],
  chosen: ReadonlySet<TensorSource>,
) {
  const tensors = [...chosen].map(({ name, shape }): StoredTensorRecord => {
    const scheme = linearScheme(request);
    const format: NumberFormat = formats[scheme.format];
    const [values, codes] = [elementCount(shape), totalCodes(scheme, shape)];
    const blocks = elementCount(scaleDims(scheme.granularity, shape));
    const scaleBits = scheme.double ? formats[scheme.double.format].bits : format.blockScale ? 8 : 32;
    const rank = scheme.lowRank?.rank ?? 0;
    const bits =
      codes * format.bits +
      blocks * ((format.scaled ? scaleBits : 0) + 32 * format.bookSize) +
      16 * rank * (shape[0]! + shape[1]!);
    return {
      name,
      shape,
      as: schemeText(request),
      values,
      codes,
      sizeBytes: Math.ceil(bits / 8),
      bitsPerWeight: bits / values,
      bitsPerCode: format.bits,
      entropyBits: format.bits,
    };
  });
  const kept = all.filter((tensor) => !chosen.has(tensor));
  const predictedSizeBytes =
    tensors.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) +
    kept.reduce((sum, { type, shape }) => sum + storedBytes(type, elementCount(shape)), 0);
  const less = request.entropy ? ', less what entropy coding saves' : '';
  return {
    preset,
    status: 'planned' as const,
    predictedSizeBytes,
    stored: { ...storedTotals(tensors), tensors, files: [] },
    notes: [
      `${chosen.size} tensors would be quantized, and the folder would take about ${formatBytes(predictedSizeBytes)}${less}.`,
    ],
  };
}

/** Sizes as records tell them. */
export function recordOf(
  { name, shape }: Pick<TensorSource, 'name' | 'shape'>,
  scheme: string,
  { values, codes, sizeBytes, bitsPerWeight, bitsPerCode, entropyBitsPerCode }: StoredSizes,
): StoredTensorRecord {
  return {
    name,
    shape,
    as: scheme,
    values,
    codes,
    sizeBytes,
    bitsPerWeight,
    bitsPerCode,
    entropyBits: entropyBitsPerCode,
  };
}
