import type { OutputRecord, RunRecord } from '../report/index.ts';
import { fail } from '../tensor/index.ts';
import { checkOptions } from './check-options.ts';
import { checkpointTarget } from './checkpoint/checkpoint-targets.ts';
import { quantizeCheckpoint } from './checkpoint/quantize-checkpoint.ts';
import { type Destination, destinationOf, refuseSameFile } from './destination.ts';
import { isGgufTarget } from './gguf/gguf-target.ts';
import { quantizeGguf } from './gguf/quantize-gguf.ts';
import { openRunnable } from './open-model.ts';
import { refuseFolder } from './packed/folder-files.ts';
import { storedTarget } from './packed/packed-target.ts';
import { quantizeFolder } from './packed/quantize-folder.ts';
import { isPackedOutput, quantizePacked } from './packed/quantize-packed.ts';
import { outputOf } from './quantize-preset.ts';
import { limitsOf, prepareRun, type QuantizeRun } from './quantize-run.ts';
import { parseRecipe, type QuantizeOptions } from './recipe.ts';
import { machineRecord, withContext } from './run-context.ts';
import { lowbitVersion } from './version.ts';

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
  checkOptions('quantize', options);
  const stored = storedTarget(options.to);
  if (stored?.kind === 'folder') return quantizeFolder(options, stored.request, stored.label);
  const checkpoint = checkpointTarget(options.to);
  if (checkpoint) return quantizeCheckpoint(options, checkpoint.label, checkpoint.target);
  const { output } = options;
  if (isPackedOutput(output)) return quantizePacked({ ...options, output }, quantize);
  const recipe = parseRecipe(options);
  if (recipe.presets.every(isGgufTarget)) return quantizeGguf(options, recipe, 'quantize');
  const limits = limitsOf(recipe, options);
  return withContext(options, async (context) => {
    context.emit({ type: 'step', step: 'open' });
    await refuseFolder(options.model, recipe.presets[0]!);
    const opened = await openRunnable(options.model);
    let destination: Destination | undefined;
    let run: QuantizeRun | undefined;
    try {
      if (options.dryRun) refuseSameFile(recipe);
      else {
        const { output, force = false } = options;
        const { companions, sources } = opened;
        destination = await destinationOf(output, recipe, { force, companions, sources });
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
        ...(run.calibration &&
          run.calibration.calibrator.seconds() > 0 && {
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

/** A run whose every preset found nothing is an error; one of several is a line in the record. */
function refuseNothing(outputs: readonly OutputRecord[]): void {
  const last = outputs.at(-1);
  if (last?.why === undefined || outputs.some((o) => o.status !== 'not-applicable')) return;
  fail('recipe/nothing-to-quantize', { preset: last.preset, why: last.why });
}
