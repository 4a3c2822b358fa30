import type { Siblings } from '../files/index.ts';
import { type Preset, presets } from '../numerics/index.ts';
import { fail, LowbitError } from '../tensor/index.ts';
import { presetRow } from './selection.ts';

/**
 * The folder that transformers.js loads: `config.json` and the tokenizer's files at its root, models as
 * `onnx/model<suffix>.onnx`, weights outside a model as `<file>_data`, `<file>_data_1`, ...
 * Source: huggingface/transformers.js 4, `utils/dtypes.js` and `utils/model-loader.js`.
 */

/** Files that travel with a model; those that are beside the source are copied. */
export const companionFiles = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'vocab.txt',
  'merges.txt',
  'chat_template.jinja',
  'preprocessor_config.json',
  'processor_config.json',
] as const;

/** A text file of this size is no configuration: it is not read into memory. */
const LARGEST_COMPANION_BYTES = 256 * 1024 * 1024;

/** A file to write at the root of the folder. */
export interface CompanionFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * File name of a preset inside `onnx/`.
 * @throws recipe/no-transformers-name for a preset that transformers.js has no name for.
 */
export function transformersFileName(preset: string): string {
  const row = presetRow(preset);
  if (row.transformersJs === undefined) {
    const known = Object.entries(presets as Record<string, Preset>).filter(([, p]) => p.transformersJs);
    fail('recipe/no-transformers-name', { preset, known: known.map(([name]) => name) });
  }
  return `model${row.transformersJs.suffix}.onnx`;
}

/**
 * The companions of a model as they belong into the folder: copied, and `config.json` told how many external
 * data files each written model has. `models`: written model file -> number of its external data files.
 * Without a `config.json` beside the source, the answer has none, and transformers.js will not load the folder.
 */
export async function companionsOf(
  siblings: Siblings,
  models: ReadonlyMap<string, number>,
): Promise<CompanionFile[]> {
  const found: CompanionFile[] = [];
  for (const name of companionFiles) {
    const bytes = await readCompanion(siblings, name);
    if (bytes === undefined) continue;
    found.push({ name, bytes: name === 'config.json' ? configFor(bytes, models) : bytes });
  }
  return found;
}

/** Bytes of a companion, or undefined where there is none. */
export async function readCompanion(siblings: Siblings, name: string): Promise<Uint8Array | undefined> {
  let source: Awaited<ReturnType<Siblings['open']>>;
  try {
    source = await siblings.open(name);
  } catch (error) {
    if (error instanceof LowbitError && error.code === 'file/missing') return undefined;
    throw error;
  }
  try {
    return source.size > LARGEST_COMPANION_BYTES ? undefined : await source.read(0, source.size);
  } finally {
    await source.close?.();
  }
}

/** `true`, a number of files for every model, or numbers by model file. */
type ExternalDataFormat = boolean | number | Readonly<Record<string, number | boolean>>;

interface ConfigJson {
  readonly 'transformers.js_config'?: { readonly use_external_data_format?: ExternalDataFormat };
}

/** The configuration with an entry for every written model that needs one; else byte for byte as it was. */
function configFor(bytes: Uint8Array, models: ReadonlyMap<string, number>): Uint8Array {
  let config: ConfigJson;
  try {
    config = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as ConfigJson;
  } catch (error) {
    fail('file/not-json', { path: 'config.json' }, error);
  }
  const own = config['transformers.js_config'] ?? {};
  const before = own.use_external_data_format;
  const after = externalDataFormat(before, models);
  if (after === before) return bytes;
  const changed = { ...config, 'transformers.js_config': { ...own, use_external_data_format: after } };
  return new TextEncoder().encode(`${JSON.stringify(changed, null, 2)}\n`);
}

/** What held for every model goes on for models that are not written now, under the name `model`. */
function externalDataFormat(
  before: ExternalDataFormat | undefined,
  models: ReadonlyMap<string, number>,
): ExternalDataFormat | undefined {
  const known = typeof before === 'object' ? before : before ? { model: before } : {};
  const entries = [...models].filter(([name, files]) => files > 0 || name in known || 'model' in known);
  if (entries.length === 0) return before;
  return { ...known, ...Object.fromEntries(entries) };
}
