import { openFile, outputPlace, stageInFolder } from '../../files/index.ts';
import type { OutputRecord, RunRecord } from '../../report/index.ts';
import { fail } from '../../tensor/index.ts';
import type { QuantizeOptions } from '../recipe.ts';
import { packModel } from './pack-model.ts';

/** Whether an output is a .lowbit file. */
export const isPackedOutput = (output: unknown): output is string =>
  typeof output === 'string' && /\.lowbit$/i.test(output);

/**
 * Quantizes an ONNX model and packs what came out: the .lowbit file holds, byte for byte, the ONNX file that the same
 * target without `+rans` gives. `run`: the quantization to an ONNX file.
 */
export async function quantizePacked(
  options: QuantizeOptions & { readonly output: string },
  run: (options: QuantizeOptions) => Promise<RunRecord>,
): Promise<RunRecord> {
  const targets = [options.to].flat();
  // Options of a scheme hold commas: only names of their own make several outputs.
  const to = targets.map((name) => name.replace(/\+rans(?=\+|$|,)/gi, ''));
  if (to.length !== 1)
    fail('recipe/invalid', {
      problems: [`output: ${options.output} holds one model, and ${to.length} are asked for`],
    });
  const asked = { ...options, to: to[0]! };
  if (options.dryRun)
    return plan({ ...asked, output: options.output.replace(/\.lowbit$/i, '.onnx') }, targets[0]!, run);
  const place = await outputPlace(options.output, false);
  const file = place.file!;
  const sources = typeof options.model === 'string' ? [options.model] : [];
  const staging = await stageInFolder(place.folder, {
    names: [file],
    force: options.force ?? false,
    sources,
  });
  try {
    const name = file.replace(/\.lowbit$/i, '.onnx');
    const staged = staging.model(name);
    const path = 'path' in staged ? staged.path : name;
    const record = await run({ ...asked, output: path });
    const [output] = record.outputs;
    if (record.outputs.length !== 1 || output === undefined || output.status !== 'done') return record;
    const model = await openFile(path);
    try {
      const packed = await packModel(staging, { ...model, name }, file, options);
      const [published] = await staging.publish([file]);
      const written = { ...packed.file, path: published! };
      const changed: OutputRecord = {
        ...output,
        preset: targets[0]!,
        file: written,
        ...(output.measurement && { measurement: { ...output.measurement, file: written } }),
        stored: { ...packed.stored, files: [written] },
        notes: [
          ...output.notes,
          `Measured as the ONNX file of ${packed.source.sizeBytes} bytes that is inside; lowbit convert ${options.output} --to onnx gives it back.`,
        ],
      };
      return { ...record, outputs: [changed] };
    } finally {
      await model.source.close?.();
    }
  } finally {
    await staging.discard();
    await place.undo();
  }
}

/** What the run would do: the size of the .lowbit file is known once its codes are there. */
async function plan(
  asked: QuantizeOptions,
  preset: string,
  run: (options: QuantizeOptions) => Promise<RunRecord>,
): Promise<RunRecord> {
  const record = await run(asked);
  const note =
    'The size is that of the ONNX file inside, which would be packed; how small that gets is known once it is coded.';
  const outputs = record.outputs.map((output) => ({ ...output, preset, notes: [...output.notes, note] }));
  return { ...record, outputs };
}
