import { createTilePool, TILE_VALUES, type TilePool } from '../../compute/index.ts';
import type { TensorSource } from '../../files/index.ts';
import type { MachineRecord, OutputRecord, RunEvent, RunRecord } from '../../report/index.ts';
import { capabilities } from '../../runtime/index.ts';
import { elementCount, fail, LowbitError, throwIfAborted } from '../../tensor/index.ts';
import type { ParsedRecipe, QuantizeOptions } from '../recipe.ts';
import { lowbitVersion } from '../version.ts';
import { type GgufDestination, ggufDestination } from './gguf-destination.ts';
import { type GgufRecipe, ggufRecipe } from './gguf-recipe.ts';
import { ggufRecord } from './gguf-record.ts';
import { openImatrix } from './open-imatrix.ts';
import { type OpenedWeights, openWeights, refuseWithoutTensors } from './open-weights.ts';
import type { GivenImatrix } from './output-metadata.ts';
import { type GgufPlan, planGguf } from './plan-gguf.ts';
import { planNotes } from './plan-notes.ts';
import { writeOutput } from './write-output.ts';

/** What all outputs of a run share. */
export interface GgufRun {
  readonly options: QuantizeOptions;
  readonly given: ParsedRecipe;
  readonly recipe: GgufRecipe;
  readonly weights: OpenedWeights;
  readonly importance: GivenImatrix | undefined;
  readonly pool: TilePool;
  readonly emit: (event: RunEvent) => void;
}

/**
 * Makes GGUF files of a model: of other types, or of the same with other metadata or cut otherwise. Each is written
 * under a hidden name, opened again and held against its plan, and only then gets its name.
 */
export async function quantizeGguf(
  options: QuantizeOptions,
  given: ParsedRecipe,
  command: 'quantize' | 'convert',
): Promise<RunRecord> {
  const started = performance.now();
  refuseOnnxOptions(options);
  const recipe = ggufRecipe(given);
  const { signal, threads, onEvent: emit = () => {} } = options;
  throwIfAborted(signal);
  emit({ type: 'step', step: 'open' });
  const pool = createTilePool(threads === undefined ? {} : { threads });
  let weights: OpenedWeights | undefined;
  try {
    weights = await openWeights(options.model);
    if (recipe.targets.some(({ fileType }) => fileType !== undefined)) refuseWithoutTensors(weights);
    if (!options.dryRun) pool.prepare(weights.model.tensors.reduce(addTiles, 0));
    const importance = given.imatrix === undefined ? undefined : await openImatrix(given.imatrix);
    const run: GgufRun = { options, given, recipe, weights, importance, pool, emit };
    const outputs = options.dryRun ? plannedOutputs(run) : await writtenOutputs(run);
    return {
      schema: 1,
      command,
      lowbitVersion,
      machine: await machineRecord(pool),
      source: weights.file,
      guesses: [],
      outputs,
      seconds: (performance.now() - started) / 1000,
    };
  } finally {
    await pool.close();
    await weights?.close();
  }
}

/** About as many tiles as a tensor takes. */
const addTiles = (tiles: number, { shape }: TensorSource): number =>
  tiles + Math.ceil(elementCount(shape) / TILE_VALUES);

/** Every output is planned before any is made: what cannot be made is said at once. */
function plansOf(run: GgufRun, fileName: GgufDestination['fileName']): GgufPlan[] {
  const { weights, recipe, given, importance, options, emit } = run;
  emit({ type: 'step', step: 'plan' });
  const dryRun = options.dryRun ?? false;
  return recipe.targets.map((target) =>
    planGguf({ weights, target, recipe, given, importance, fileName: fileName(target), dryRun }),
  );
}

function plannedOutputs(run: GgufRun): OutputRecord[] {
  const { options, weights, recipe, emit } = run;
  const named = typeof options.output === 'string' && recipe.targets.length === 1;
  const base = named ? /[^/\\]+$/.exec(options.output as string)?.[0] : undefined;
  return plansOf(run, (target) => base ?? weights.outputName(target)).map((plan) => {
    const output: OutputRecord = {
      ...outputPart(run, plan),
      status: 'planned',
      predictedSizeBytes: plan.sizeBytes,
      seconds: 0,
    };
    emit({ type: 'output', output });
    return output;
  });
}

async function writtenOutputs(run: GgufRun): Promise<OutputRecord[]> {
  const destination = await ggufDestination(run);
  const outputs: OutputRecord[] = [];
  try {
    const plans = plansOf(run, destination.fileName);
    await destination.open(plans);
    for (const plan of plans) {
      throwIfAborted(run.options.signal);
      const { resumed, ...written } = await writeOutput(run, plan, destination.partial(plan));
      const part = outputPart(run, plan);
      const gguf = { ...part.gguf, ...(resumed && { resumed: true as const }) };
      const output: OutputRecord = { ...part, ...written, gguf, notes: [...part.notes, ...written.notes] };
      run.emit({ type: 'output', output });
      outputs.push(output);
    }
    await destination.complete();
    return outputs;
  } catch (error) {
    const kept = destination.kept();
    if (error instanceof LowbitError && error.code === 'run/aborted' && kept !== undefined)
      fail('run/aborted', { kept }, error);
    throw error;
  } finally {
    await destination.close();
  }
}

/** What is known of an output before it is made. */
function outputPart(run: GgufRun, plan: GgufPlan) {
  return {
    preset: plan.target.label,
    tensors: [],
    kept: [],
    limits: [],
    notes: planNotes(plan, run.weights, run.importance, run.recipe),
    gguf: ggufRecord(plan, run.recipe),
  };
}

/** @throws recipe/invalid */
function refuseOnnxOptions({ calibrate, evaluate }: QuantizeOptions): void {
  const problems = [
    ...(calibrate === undefined ? [] : ['calibrate: GGUF takes an importance matrix instead (imatrix)']),
    ...(evaluate === undefined
      ? []
      : ['evaluate: measure a GGUF file with `lowbit evaluate` once it is made']),
  ];
  if (problems.length > 0) fail('recipe/invalid', { problems });
}

async function machineRecord({ threads }: TilePool): Promise<MachineRecord> {
  const { cpu, cores, vnni } = await capabilities();
  return { cpu, cores, vnni, runtime: 'lowbit kernels (WebAssembly SIMD)', threads };
}
