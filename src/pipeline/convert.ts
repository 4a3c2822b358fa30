import { presets } from '../numerics/index.ts';
import type { RunRecord } from '../report/index.ts';
import { fail } from '../tensor/index.ts';
import { checkOptions } from './check-options.ts';
import { isCheckpointTarget } from './checkpoint/checkpoint-targets.ts';
import { isFormatTarget } from './format-target.ts';
import { ggufTargetOf, isGgufTarget } from './gguf/gguf-target.ts';
import { quantizeGguf } from './gguf/quantize-gguf.ts';
import { convertToLowbit, convertToOnnx } from './packed/convert-packed.ts';
import { decodeFolder } from './packed/decode-folder.ts';
import { storedTarget } from './packed/packed-target.ts';
import { quantizeFolder } from './packed/quantize-folder.ts';
import { parseRecipe, type QuantizeOptions } from './recipe.ts';

/** What a conversion is asked: a quantization without data. */
export type ConvertOptions = Omit<QuantizeOptions, 'calibrate' | 'evaluate' | 'measure'>;

/**
 * Stores a model in another container: a Hugging Face folder as GGUF, a split GGUF file as one, one as several.
 * An ONNX file as .lowbit (`to: 'lowbit'`) and back (`'onnx'`); a folder of quantized tensors as floats
 * (`'safetensors:float16'`). `to: 'gguf'` keeps the types of the tensors, `'gguf:F16'` and its like choose them.
 *
 * @example
 * await convert({ model: './checkpoint', to: 'gguf:BF16', output: 'model.bf16.gguf' });
 * @throws LowbitError: bad input or environment (`error.code` says what), or `run/aborted`.
 */
export async function convert(options: ConvertOptions): Promise<RunRecord> {
  checkOptions('convert', options);
  const stored = storedTarget(options.to);
  if (stored?.kind === 'lowbit') return convertToLowbit(options);
  if (stored?.kind === 'onnx') return convertToOnnx(options);
  if (stored?.kind === 'floats') return decodeFolder(options, stored.dtype, stored.label);
  if (stored?.kind === 'folder') return quantizeFolder(options, stored.request, stored.label);
  refuseOthers([options.to].flat().flatMap((names) => names.split(',')));
  return quantizeGguf(options, parseRecipe(options), 'convert');
}

/** @throws name/unknown, recipe/invalid for what convert does not write */
function refuseOthers(names: readonly string[]): void {
  const known = ['gguf', 'gguf:<type>', 'lowbit', 'onnx', 'safetensors:<scheme or float type>'];
  const got = names.map((name) => name.trim()).find((name) => name !== '' && !isGgufTarget(name));
  if (got === undefined) return;
  const gguf = ggufTargetOf(got);
  const quantized = Object.hasOwn(presets, got) || isFormatTarget(got) || isCheckpointTarget(got);
  if (gguf === undefined && quantized) {
    const wanted = `${known.slice(0, -1).join(', ')} or ${known.at(-1)}`;
    fail('recipe/invalid', {
      problems: [`to: ${got} is made by quantize, and is no file to convert to; wanted ${wanted}`],
    });
  }
  fail('name/unknown', { what: 'target', got, known, ...(gguf !== undefined && { meant: [gguf] }) });
}
