import { onnxSizeBytes, writeOnnx } from '../graph/index.ts';
import { type OutputRecord, parametersOf } from '../report/index.ts';
import { throwIfAborted } from '../tensor/index.ts';
import { writeCard } from './card.ts';
import { type Destination, plannedName } from './destination.ts';
import { lowerAll } from './lower-all.ts';
import type { Lowered } from './lower-request.ts';
import type { QuantizeRun } from './quantize-run.ts';
import type { ParsedRecipe } from './recipe.ts';
import { presetRow, presetsOf } from './selection.ts';
import { verifyStaged } from './verify-staged.ts';

const plannedBlind =
  'The size is an estimate: a plan does not calibrate, and a small part of the file depends on the ranges.';

const needsCalibration = (recipe: ParsedRecipe, main: string): boolean =>
  presetsOf(main, recipe).some((name) => presetRow(name).needsCalibration);

/** One preset from the prepared float graph to a verified file. */
export async function outputOf(
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
  const { quantized } = lowered;
  writeCard(model, name, run.recipe, { parameters: parametersOf(run.prepared), quantized });
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

function whyNothing({ kept, notes }: Lowered): string {
  const reasons = [...new Set(kept.map((k) => `${k.op}: ${k.why}`))];
  if (reasons.length === 0) {
    const hidden = notes.find((note) => note.endsWith('stay float.'));
    return hidden?.slice(0, -1) ?? 'it has no operator with weights that this preset covers';
  }
  return reasons.slice(0, 3).join('; ') + (reasons.length > 3 ? '; ...' : '');
}
