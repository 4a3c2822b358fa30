import { type ObserverName, observers } from '../calibration/index.ts';
import type { Dataset } from '../data/index.ts';
import { type Limit, parseLimit } from '../evaluation/index.ts';
import type { Model } from '../graph/index.ts';
import { type RunRecord, summarizeModel } from '../report/index.ts';
import type { Session } from '../runtime/index.ts';
import { fail, lookUp } from '../tensor/index.ts';
import { type Calibrator, calibrator } from './calibrate-model.ts';
import { checkPatterns } from './check-patterns.ts';
import { openData } from './open-data.ts';
import type { OpenedModel } from './open-model.ts';
import type { DataInput, ParsedRecipe, QuantizeOptions } from './recipe.ts';
import type { RunContext } from './run-context.ts';
import { endsOf, presetRow, presetsOf } from './selection.ts';
import { simplifiedCopy } from './simplified-copy.ts';
import { type MeasuringData, measuringData } from './verify.ts';

/** What docs/calibration.md measured as good on every model, and the fastest. */
export const defaultObserver: ObserverName = 'min-max';

/** What all presets of a run share. */
export interface QuantizeRun {
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

export async function prepareRun(
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

  // Presets that must calibrate were refused without data of its own; the others may look at any for overflows.
  const observed = calibration ?? evaluation;
  let float: QuantizeRun['float'];
  if (!options.dryRun) {
    const session = await context.runtime.load(await opened.loadable(), { name: opened.name });
    float = { session, data: measuringData(evaluation ?? calibration, session) };
  }
  const notes: string[] = [];
  if (calibration !== undefined && !options.dryRun && (evaluation ?? calibration) === calibration) {
    notes.push('Measured on the calibration data: figures on held-out data (--evaluate) may be worse.');
  }
  const { quantization, quantized } = summarizeModel(opened.model, opened.file);
  const already = [...(quantized?.schemes.map(({ scheme }) => scheme) ?? []), ...quantization];
  if (already.length > 0) {
    notes.push(`The source is already quantized (${already.join(', ')}): "float" below is that model.`);
  }
  return {
    context,
    options,
    recipe,
    limits,
    opened,
    prepared,
    ends: endsOf(prepared.graph),
    calibration: observed && {
      name: observed.name,
      dataset: observed,
      calibrator: calibrator(context, prepared, observed, recipe.calibrationSamples),
    },
    observer,
    float,
    guesses: [...guesses],
    notes,
    baseline: undefined,
    externalFiles: new Map(),
  };
}

/** The limits of a recipe. @throws limit/no-data when there is nothing to hold them against. */
export function limitsOf(recipe: ParsedRecipe, options: QuantizeOptions): Limit[] {
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
