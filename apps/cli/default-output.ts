import { basename, extname, resolve } from 'node:path';
import type { ParsedFlags } from './parse-flags.ts';

/**
 * model.int8.onnx for one ONNX output, the folder model-lowbit for several. A GGUF file is named by the library, after
 * the model and its type, in this folder.
 */
export function defaultOutput(model: string, to: unknown): string {
  const name = basename(resolve(model.replace(/[?#].*$/, '')));
  const targets = [to].flat().flatMap((name) => String(name).split(','));
  const stem = /^\.(onnx|gguf|lowbit)$/i.test(extname(name)) ? name.slice(0, -extname(name).length) : name;
  if (targets.length > 1) return `${stem}-lowbit/`;
  if (targets[0] === 'lowbit' || targets[0] === 'onnx') return `${stem}.${targets[0]}`;
  if (/^(safetensors|bnb|fp8):/i.test(targets[0]!))
    return `${stem}.${targets[0]!.replace(/[^a-z0-9.+]+/gi, '-')}/`;
  return /^gguf(:|$)/i.test(targets[0]!) ? './' : `${stem}.${targets[0]}.onnx`;
}

/** Options of a run that writes files, as the flags say. */
export function jobOptions(flags: ParsedFlags): { force?: boolean; dryRun?: boolean; resume?: boolean } {
  return {
    ...(flags.has('force') && { force: flags.boolean('force')! }),
    ...(flags.has('dry-run') && { dryRun: flags.boolean('dry-run')! }),
    ...(flags.has('resume') && { resume: flags.boolean('resume')! }),
  };
}
