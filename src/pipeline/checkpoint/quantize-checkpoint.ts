import { readableTensors, readJson } from '../../architectures/index.ts';
import { rowCountOf, storedBytes, type TensorSource, writeSafetensorsFolder } from '../../files/index.ts';
import {
  type CompositeTensor,
  compositeError,
  countCodes,
  entropyBits,
  formats,
  type NumberFormat,
  quantizeComposite,
  toFloat32,
} from '../../numerics/index.ts';
import {
  formatBytes,
  type OutputRecord,
  type RunRecord,
  type StoredTensorRecord,
  storedTotals,
} from '../../report/index.ts';
import { elementCount, fail, tensorFromBytes, throwIfAborted } from '../../tensor/index.ts';
import { checkTensorPatterns } from '../check-patterns.ts';
import {
  copyCompanions,
  DECODED,
  type OpenedFolder,
  openFolderOfWeights,
  plainMetadata,
  readText,
} from '../packed/folder-files.ts';
import { storedPlace, storedRecord } from '../packed/stored-output.ts';
import { TensorSpool } from '../packed/tensor-spool.ts';
import { TotalSqnr } from '../packed/total-sqnr.ts';
import type { QuantizeOptions } from '../recipe.ts';
import type { CheckpointTarget, CheckpointTargetName } from './checkpoint-targets.ts';
import { type ChosenLinears, chooseLinears } from './choose-linears.ts';
import { quantizationKeys } from './quantization-keys.ts';
import { refuseOtherOptions } from './refuse-other-options.ts';
import { replaceMembers } from './replace-members.ts';
import { checksum, type ExpectedWeight, verifyCheckpoint } from './verify-checkpoint.ts';

const CONFIG = 'config.json';

/** What is to be made: tensors by name, those among them that are quantized, and the new config.json. */
interface CheckpointPlan {
  readonly tensors: ReadonlyMap<string, TensorSource>;
  readonly linears: ChosenLinears;
  readonly config: Uint8Array;
  readonly dtype: string;
  /** Whether weights of the input were codes. */
  readonly decoded: boolean;
}

/**
 * A Hugging Face folder whose linear layers are quantized as another package stores them, with a config.json that
 * tells loaders so: `quantize({ to: 'bnb:nf4' })`. A folder that is quantized already is decoded first.
 * One tensor is in memory at a time. The folder is written under hidden names, read back and held against the float
 * weights, and only then published.
 */
export async function quantizeCheckpoint(
  options: QuantizeOptions,
  label: CheckpointTargetName,
  target: CheckpointTarget,
): Promise<RunRecord> {
  const started = performance.now();
  refuseOtherOptions(options, label);
  const { signal, onEvent: emit = () => {} } = options;
  throwIfAborted(signal);
  emit({ type: 'step', step: 'open' });
  const folder = await openFolderOfWeights(options.model, label);
  try {
    const source = { path: folder.name, sizeBytes: folder.weights.sizeBytes };
    const plan = await planCheckpoint(folder, options, label, target);
    const output = options.dryRun
      ? plannedOutput(plan, target)
      : await writeCheckpoint(folder, options, plan, target);
    return await storedRecord('quantize', source, { preset: label, ...output }, started);
  } finally {
    await folder.weights.close();
  }
}

async function planCheckpoint(
  folder: OpenedFolder,
  options: QuantizeOptions,
  label: CheckpointTargetName,
  target: CheckpointTarget,
): Promise<CheckpointPlan> {
  const json = await readJson(folder.siblings, CONFIG);
  if (json === undefined) return fail('checkpoint/missing', { folder: folder.name });
  const tensors = await readableTensors(folder.weights, json, folder.name);
  checkTensorPatterns(options, [...tensors.keys()]);
  const linears = chooseLinears(tensors, target, options);
  const [first] = linears.chosen;
  if (first === undefined) {
    const [kept] = linears.kept;
    const why = `no tensor is a linear layer of a decoder that its loaders take${kept === undefined ? '' : ` ('${kept.name}': ${kept.why})`}`;
    return fail('recipe/nothing-to-quantize', { preset: label, why });
  }
  const known = ['bfloat16', 'float16', 'float32'];
  const said = [json.dtype, json.torch_dtype].find((type) => known.includes(type as string));
  const dtype = (said as string | undefined) ?? tensors.get(first)!.type;
  const quantization_config = target.config({ skipped: linears.skipped, dtype });
  const before = await readText(folder.siblings, CONFIG);
  const text = replaceMembers(before, quantizationKeys, { quantization_config });
  const decoded = [...tensors.values()].some((tensor) => tensor !== folder.weights.tensors.get(tensor.name));
  return { tensors, linears, dtype, decoded, config: new TextEncoder().encode(text) };
}

async function writeCheckpoint(
  folder: OpenedFolder,
  { output, force, signal, onEvent: emit = () => {} }: QuantizeOptions,
  plan: CheckpointPlan,
  target: CheckpointTarget,
) {
  const { tensors, linears } = plan;
  const names = () => [CONFIG, 'model.safetensors', 'model.safetensors.index.json'];
  const place = await storedPlace(output, names, {
    folder: true,
    ...(force !== undefined && { force }),
    sources: folder.sources,
  });
  try {
    const { staging } = place;
    const spool = await TensorSpool.open(staging);
    const records: StoredTensorRecord[] = [];
    const total = new TotalSqnr();
    const expected: ExpectedWeight[] = [];
    for (const name of linears.chosen) {
      throwIfAborted(signal);
      const { record, parts } = await quantizedWeight(tensors.get(name)!, plan.dtype, target, total);
      records.push(record);
      const checksums: [string, number][] = [];
      for (const part of parts) {
        checksums.push([part.name, checksum(await part.read(0, rowCountOf(part.shape)))]);
        await spool.add(part);
      }
      expected.push({ name, sqnrDb: record.sqnrDb!, checksums });
      const done = records.length;
      emit({ type: 'progress', label: 'quantize', done, total: linears.chosen.size, unit: 'tensors' });
    }
    const spooled = await spool.finish();
    emit({ type: 'step', step: 'write' });
    const kept = [...tensors.values()].filter(({ name }) => !linears.chosen.has(name));
    const weights = await writeSafetensorsFolder(staging.folder, [...kept, ...spooled.tensors], {
      // Loaders of transformers ask for the framework.
      metadata: new Map([['format', 'pt'], ...plainMetadata(folder.weights.metadata)]),
      ...(signal && { signal }),
    });
    await spooled.close();
    const config = await staging.folder.open(CONFIG);
    await config.write(plan.config);
    await config.commit();
    const companions = await copyCompanions(folder.siblings, staging, [CONFIG]);
    emit({ type: 'step', step: 'verify' });
    const sizeBytes = await verifyCheckpoint({ staging, tensors, expected, signal });
    const published = await staging.publish([...companions, ...weights, CONFIG]);
    const file = { path: published[companions.length]!, sizeBytes };
    const stored = { ...storedTotals(records), sqnrDb: total.sqnrDb, tensors: records, files: [file] };
    return { file, stored, notes: notesOf(plan, target) };
  } finally {
    await place.close();
  }
}

/** A weight in its parts, and what its record says. */
async function quantizedWeight(
  tensor: TensorSource,
  dtype: string,
  { layout }: CheckpointTarget,
  total: TotalSqnr,
) {
  const { name, shape: dims, type } = tensor;
  const bytes = await tensor.read(0, rowCountOf(dims));
  const values = toFloat32(tensorFromBytes(type as 'float32', dims, bytes.slice()));
  const { scheme, dims: seen } = layout.scheme(dims);
  const quantized = await quantizeComposite(values, seen, scheme, { name, range: 'min-max', codes: 'first' });
  const parts = layout.store({ name, dims, dtype }, values, quantized);
  const sizeBytes = parts.reduce((sum, part) => sum + storedBytes(part.type, elementCount(part.shape)), 0);
  const { sqnrDb } = compositeError(values, quantized);
  total.add(values, sqnrDb);
  return {
    parts,
    record: recordOf(name, dims, quantized, sizeBytes, sqnrDb),
  };
}

function recordOf(
  name: string,
  shape: readonly number[],
  { base, scheme }: CompositeTensor,
  sizeBytes: number,
  sqnrDb: number,
): StoredTensorRecord {
  const format: NumberFormat = formats[scheme.format];
  const values = elementCount(shape);
  return {
    name,
    shape,
    as: scheme.double ? `${scheme.format}+double` : scheme.format,
    values,
    codes: base.codes.length,
    sizeBytes,
    bitsPerWeight: (8 * sizeBytes) / values,
    bitsPerCode: format.bits,
    entropyBits: entropyBits(countCodes(base.codes)),
    sqnrDb,
  };
}

/** Sizes without a value read: what the header of the file would say. */
function plannedOutput(plan: CheckpointPlan, target: CheckpointTarget) {
  const { tensors, linears, dtype, config } = plan;
  const planned: StoredTensorRecord[] = [];
  let predictedSizeBytes = config.length;
  for (const { name, shape, type } of tensors.values()) {
    const parts = linears.chosen.has(name)
      ? target.layout.plan({ name, dims: shape, dtype })
      : [{ type, shape }];
    const sizeBytes = parts.reduce((sum, part) => sum + storedBytes(part.type, elementCount(part.shape)), 0);
    predictedSizeBytes += sizeBytes;
    if (linears.chosen.has(name)) planned.push(plannedRecord(name, shape, sizeBytes, target));
  }
  return {
    status: 'planned' as const,
    predictedSizeBytes,
    stored: { ...storedTotals(planned), tensors: planned, files: [] },
    notes: [
      `${linears.chosen.size} linear layers would be quantized, and the folder would take about ${formatBytes(predictedSizeBytes)}.`,
      ...notesOf(plan, target),
    ],
  } satisfies Partial<OutputRecord>;
}

/** Of codes that are not there yet, the entropy is at most their bits. */
function plannedRecord(
  name: string,
  shape: readonly number[],
  sizeBytes: number,
  { layout }: CheckpointTarget,
): StoredTensorRecord {
  const { scheme } = layout.scheme(shape);
  const values = elementCount(shape);
  const { bits }: NumberFormat = formats[scheme.format];
  return {
    name,
    shape,
    as: scheme.double ? `${scheme.format}+double` : scheme.format,
    values,
    codes: values,
    sizeBytes,
    bitsPerWeight: (8 * sizeBytes) / values,
    bitsPerCode: bits,
    entropyBits: bits,
  };
}

/** Reasons that need no note. */
const plain: readonly string[] = [
  'keep',
  'only',
  'no projection of a decoder layer',
  'no part of the decoder',
];

function notesOf({ linears, decoded }: CheckpointPlan, { loadedBy }: CheckpointTarget): string[] {
  const surprising = linears.kept.filter(({ why }) => !plain.includes(why));
  const [first] = surprising;
  return [
    `Loaded by ${loadedBy}.`,
    ...(decoded ? [DECODED] : []),
    ...(first === undefined
      ? []
      : [
          `${surprising.length} linear layers stay in floats: '${first.name}', because ${first.why}${surprising.length > 1 ? ', ...' : ''}.`,
        ]),
  ];
}
