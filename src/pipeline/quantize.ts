import { type ObserverName, observers } from '../calibration/index.ts';
import type { Dataset } from '../data/index.ts';
import { type Limit, parseLimit } from '../evaluation/index.ts';
import { type Model, type NodeFilter, onnxSizeBytes, writeOnnx } from '../graph/index.ts';
import { type Preset, presets } from '../numerics/index.ts';
import type { FileRecord, OutputRecord, RunRecord } from '../report/index.ts';
import { capabilities, type Session } from '../runtime/index.ts';
import { fail, lookUp, throwIfAborted } from '../tensor/index.ts';
import { type Calibrator, calibrator } from './calibrate-model.ts';
import { writeCard } from './card.ts';
import { checkPatterns } from './check-patterns.ts';
import { weightQuantizer } from './choose-codes.ts';
import { type Destination, destinationOf, plannedName, refuseSameFile } from './destination.ts';
import { lower } from './lower.ts';
import type { Lowered } from './lower-request.ts';
import { openData } from './open-data.ts';
import { type OpenedModel, openRunnable } from './open-model.ts';
import { type DataInput, type ParsedRecipe, parseRecipe, type QuantizeOptions } from './recipe.ts';
import { machineRecord, type RunContext, withContext } from './run-context.ts';
import { assign, endsOf, presetsOf } from './selection.ts';
import { simplifiedCopy } from './simplified-copy.ts';
import { slowerNotes } from './slower-note.ts';
import { type MeasuringData, measureCost, measuringData, verify } from './verify.ts';
import { lowbitVersion } from './version.ts';

/** What docs/calibration.md measured as good on every model, and the fastest. */
export const defaultObserver: ObserverName = 'min-max';

/**
 * Quantizes a model to one or more presets, verifies every output beside the float model, and only then gives
 * it its final name. A result that misses a limit is not handed over: its record says `limit-not-met`.
 *
 * @example
 * const record = await quantize({
 *   model: 'model.onnx', to: ['int8', 'q4'], calibrate: 'data/', evaluate: 'data/', output: 'out/',
 * });
 * @throws LowbitError: bad input or environment (`error.code` says what), or `run/aborted`.
 */
export async function quantize(options: QuantizeOptions): Promise<RunRecord> {
  const started = performance.now();
  const recipe = parseRecipe(options);
  const limits = limitsOf(recipe, options);
  return withContext(options, async (context) => {
    context.emit({ type: 'step', step: 'open' });
    const opened = await openRunnable(options.model);
    let destination: Destination | undefined;
    let run: QuantizeRun | undefined;
    try {
      if (options.dryRun) refuseSameFile(recipe);
      else {
        const { output, force = false } = options;
        destination = await destinationOf(output, recipe, { force, companions: opened.companions });
      }
      run = await prepareRun(context, options, recipe, limits, opened);
      const outputs: OutputRecord[] = [];
      for (const name of recipe.presets) {
        const output = await outputOf(run, name, destination);
        context.emit({ type: 'output', output });
        outputs.push(output);
      }
      refuseNothing(outputs);
      await destination?.complete(run.externalFiles);
      return {
        schema: 1,
        command: 'quantize',
        lowbitVersion,
        machine: await machineRecord(context.runtime),
        source: opened.file,
        guesses: run.guesses,
        ...(run.calibration && {
          calibration: {
            data: run.calibration.name,
            samples: run.calibration.calibrator.samples,
            observer: run.observer,
            seconds: run.calibration.calibrator.seconds(),
          },
        }),
        ...(run.float?.data.dataset && {
          evaluation: {
            data: run.float.data.dataset.name,
            samples: Math.min(
              run.float.data.dataset.size,
              options.measure?.samples ?? Number.POSITIVE_INFINITY,
            ),
          },
        }),
        ...(run.baseline && { baseline: run.baseline }),
        outputs,
        seconds: (performance.now() - started) / 1000,
      };
    } finally {
      await destination?.close();
      await run?.float?.session.release();
      await opened.close();
    }
  });
}

/** What all presets of a run share. */
interface QuantizeRun {
  readonly context: RunContext;
  readonly options: QuantizeOptions;
  readonly recipe: ParsedRecipe;
  readonly limits: readonly Limit[];
  readonly opened: OpenedModel;
  /** The simplified float graph: every lowering starts from a copy of it. */
  readonly prepared: Model;
  readonly ends: ReadonlySet<string>;
  readonly calibration:
    | { readonly name: string; readonly dataset: Dataset; readonly calibrator: Calibrator }
    | undefined;
  readonly observer: ObserverName;
  /** Absent in a dry run. */
  readonly float: { readonly session: Session; readonly data: MeasuringData } | undefined;
  readonly guesses: readonly string[];
  readonly notes: readonly string[];
  baseline: RunRecord['baseline'];
  /** Published model file -> number of its external data files. */
  readonly externalFiles: Map<string, number>;
}

async function prepareRun(
  context: RunContext,
  options: QuantizeOptions,
  recipe: ParsedRecipe,
  limits: readonly Limit[],
  opened: OpenedModel,
): Promise<QuantizeRun> {
  const observer = (recipe.observer ?? defaultObserver) as ObserverName;
  lookUp('observer', observers, observer);
  refuseUncalibrated(recipe, options);
  context.emit({ type: 'step', step: 'plan' });
  const prepared = await simplifiedCopy(context, opened.model);
  checkPatterns(recipe, [opened.model, prepared]);

  const guesses = new Set<string>();
  const open = async (input: DataInput | undefined): Promise<Dataset | undefined> => {
    if (input === undefined) return undefined;
    const dataset = await openData(input, opened.model);
    for (const guess of dataset.guesses) guesses.add(guess);
    return dataset;
  };
  const calibration = await open(options.calibrate);
  const evaluation = options.evaluate === options.calibrate ? calibration : await open(options.evaluate);

  let float: QuantizeRun['float'];
  if (!options.dryRun) {
    const session = await context.runtime.load(await opened.loadable(), { name: opened.name });
    float = { session, data: measuringData(evaluation ?? calibration, session) };
  }
  const notes =
    evaluation === undefined && calibration !== undefined && !options.dryRun
      ? ['Measured on the calibration data, for lack of other data: give held-out data with --evaluate.']
      : [];
  return {
    context,
    options,
    recipe,
    limits,
    opened,
    prepared,
    ends: endsOf(prepared.graph),
    calibration: calibration && {
      name: calibration.name,
      dataset: calibration,
      calibrator: calibrator(context, prepared, calibration, recipe.calibrationSamples),
    },
    observer,
    float,
    guesses: [...guesses],
    notes,
    baseline: undefined,
    externalFiles: new Map(),
  };
}

function limitsOf(recipe: ParsedRecipe, options: QuantizeOptions): Limit[] {
  const limits = [recipe.maxDrop, recipe.minMetric].filter((text) => text !== undefined).map(parseLimit);
  if (limits.length > 0 && options.evaluate === undefined) fail('limit/no-data', { text: limits[0]!.text });
  return limits;
}

function refuseUncalibrated(recipe: ParsedRecipe, options: QuantizeOptions): void {
  if (options.calibrate !== undefined || options.dryRun) return;
  for (const name of recipe.presets.flatMap((main) => presetsOf(main, recipe))) {
    if (presetRow(name).needsCalibration) fail('recipe/needs-calibration', { preset: name });
  }
}

const plannedBlind =
  'The size is an estimate: a plan does not calibrate, and a small part of the file depends on the ranges.';

const needsCalibration = (recipe: ParsedRecipe, main: string): boolean =>
  presetsOf(main, recipe).some((name) => presetRow(name).needsCalibration);

/** A run whose every preset found nothing is an error; one of several is a line in the record. */
function refuseNothing(outputs: readonly OutputRecord[]): void {
  const last = outputs.at(-1);
  if (last?.why === undefined || outputs.some((o) => o.status !== 'not-applicable')) return;
  fail('recipe/nothing-to-quantize', { preset: last.preset, why: last.why });
}

/** One preset from the prepared float graph to a verified file. */
async function outputOf(
  run: QuantizeRun,
  name: string,
  destination: Destination | undefined,
): Promise<OutputRecord> {
  const started = performance.now();
  const { context } = run;
  throwIfAborted(context.signal);
  context.emit({ type: 'step', step: 'quantize', preset: name });
  const model = run.prepared.clone();
  const lowered = await lowerAll(run, name, model);
  const record = {
    preset: name,
    tensors: lowered.quantized,
    kept: lowered.kept,
    notes: [...run.notes, ...(destination?.notes ?? []), ...lowered.notes],
    limits: [],
  };
  const seconds = () => (performance.now() - started) / 1000;
  if (lowered.quantized.length === 0) {
    return { ...record, status: 'not-applicable', why: whyNothing(lowered), seconds: seconds() };
  }
  writeCard(model, name, run.recipe);
  if (destination === undefined) {
    const { externalData } = run.recipe;
    const size = {
      name: plannedName(run.options.output, run.recipe, name),
      ...(externalData !== undefined && { externalData }),
    };
    const blind = needsCalibration(run.recipe, name);
    return {
      ...record,
      notes: blind ? [...record.notes, plannedBlind] : record.notes,
      status: 'planned',
      predictedSizeBytes: onnxSizeBytes(model, size),
      seconds: seconds(),
    };
  }

  const staging = await destination.stage(name);
  const fileName = destination.fileName(name);
  try {
    context.emit({ type: 'step', step: 'write', preset: name });
    const { externalData } = run.recipe;
    const progress = context.progress(`write ${fileName}`, 'bytes');
    const { files } = await writeOnnx(model, {
      folder: staging.folder,
      name: fileName,
      ...(externalData !== undefined && { externalData }),
      ...(context.signal && { signal: context.signal }),
      onProgress: ({ doneBytes, totalBytes }) => progress({ done: doneBytes, total: totalBytes }),
    });
    context.emit({ type: 'step', step: 'verify', preset: name });
    const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
    const verified = await verifyStaged(
      run,
      name,
      staging.model(fileName),
      { path: fileName, sizeBytes },
      model,
      lowered,
    );
    if (verified.status === 'limit-not-met') {
      await staging.discard();
      return { ...record, ...verified, notes: [...record.notes, ...verified.notes], seconds: seconds() };
    }
    const names = files.map((f) => f.name).sort((a, b) => Number(a === fileName) - Number(b === fileName));
    const paths = await staging.publish(names);
    run.externalFiles.set(fileName, files.length - 1);
    const file = { path: paths.at(-1)!, sizeBytes };
    return {
      ...record,
      ...verified,
      file,
      measurement: { ...verified.measurement!, file },
      notes: [...record.notes, ...verified.notes],
      seconds: seconds(),
    };
  } catch (error) {
    await staging.discard();
    throw error;
  }
}

/** Every lowering that this output takes: the main preset and those of overrides. */
async function lowerAll(run: QuantizeRun, main: string, model: Model): Promise<Lowered> {
  const { context, recipe, calibration, observer } = run;
  const parts: Lowered[] = [];
  for (const name of presetsOf(main, recipe)) {
    const preset = presetRow(name);
    // Nodes of another preset of this output: that one's lowering says what became of them.
    const elsewhere = new Set<string>();
    const filter: NodeFilter = (node) => {
      const assignment = assign(node, main, recipe, run.ends);
      if (assignment.preset === name) return true;
      if (assignment.preset !== undefined) elsewhere.add(node.name);
      return assignment.why;
    };
    const part = await lower({
      context,
      preset,
      recipe,
      model,
      filter,
      quantizer: weightQuantizer(context),
      capabilities: await capabilities(),
      // A dry run does not calibrate: ranges change little of the size.
      calibration: run.options.dryRun ? undefined : calibration,
      observer,
    });
    const idle =
      name !== main && part.quantized.length === 0
        ? [`The overrides with '${name}' quantized nothing: it covers no operator that they name.`]
        : [];
    const kept = part.kept.filter((k) => !elsewhere.has(k.node));
    parts.push({ ...part, kept, notes: [...part.notes, ...idle] });
  }
  const done = new Set(parts.flatMap((part) => part.quantized.map((q) => q.node)));
  const kept = new Map(parts.flatMap((part) => part.kept).map((k) => [k.node, k]));
  return {
    quantized: parts.flatMap((part) => part.quantized),
    // A node that another preset of this output took is not kept.
    kept: [...kept.values()].filter((k) => !done.has(k.node)),
    notes: [...new Set(parts.flatMap((part) => part.notes))],
    valueMap: new Map(parts.flatMap((part) => [...(part.valueMap ?? [])])),
  };
}

const presetRow = (name: string): Preset => lookUp('preset', presets as Record<string, Preset>, name);

function whyNothing({ kept, notes }: Lowered): string {
  const reasons = [...new Set(kept.map((k) => `${k.op}: ${k.why}`))];
  if (reasons.length === 0) return notes[0] ?? 'it has no operator with weights that this preset covers';
  return reasons.slice(0, 3).join('; ') + (reasons.length > 3 ? '; ...' : '');
}

type Verified = Pick<OutputRecord, 'status' | 'agreement' | 'layers' | 'limits' | 'notes' | 'why'> & {
  readonly measurement?: NonNullable<OutputRecord['measurement']>;
};

async function verifyStaged(
  run: QuantizeRun,
  name: string,
  loadable: Parameters<RunContext['runtime']['load']>[0],
  file: FileRecord,
  quantized: Model,
  lowered: Lowered,
): Promise<Verified> {
  const { context, options, opened } = run;
  const float = run.float!;
  const measure = options.measure ?? {};
  const session = await context.runtime.load(loadable, { name: file.path });
  try {
    const reference = { name: opened.name, session: float.session };
    const result = await verify(context, reference, { name, session }, float.data, {
      ...measure,
      limits: run.limits,
      graphs: async () => ({
        float: run.prepared,
        quantized,
        ...(lowered.valueMap && { valueMap: lowered.valueMap }),
      }),
    });
    if (run.baseline === undefined) {
      const cost = await measureCost(
        context,
        { session: float.session, loadable: await opened.loadable() },
        float.data,
        measure,
      );
      run.baseline = { file: opened.file, metrics: result.baseline, ...cost };
    }
    const cost = await measureCost(context, { session, loadable }, float.data, measure);
    const met = result.limits.every((limit) => limit.met);
    return {
      status: met ? 'done' : 'limit-not-met',
      measurement: { file, metrics: result.candidate, ...cost },
      ...(result.agreement && { agreement: result.agreement }),
      limits: result.limits,
      notes: [...result.notes, ...slowerNotes(presetRow(name).kind, run.baseline.latency, cost.latency)],
      ...(result.layers && { layers: result.layers }),
    };
  } finally {
    await session.release();
  }
}
