import {
  openSafetensorsFolder,
  QUANTIZED_KEY,
  type SafetensorsFile,
  type Siblings,
  type Staging,
} from '../../files/index.ts';
import { fail, LowbitError } from '../../tensor/index.ts';
import { replaceMembers } from '../checkpoint/replace-members.ts';
import { counted, findWeights } from '../gguf/weights-place.ts';
import type { ModelInput } from '../recipe.ts';
import { copyTo } from './stored-output.ts';

/** What lies beside the weights of a Hugging Face folder: looked for where a place cannot list its files. */
const companionNames = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'tokenizer.model',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'vocab.txt',
  'merges.txt',
  'chat_template.jinja',
  'preprocessor_config.json',
  'README.md',
  'LICENSE',
] as const;

/** Weights, in this form or another, and the indices of their shards: they do not travel. Nor do hidden files. */
const noCompanion =
  /(^\.)|\.(safetensors|bin|pt|pth|ckpt|gguf|onnx|onnx[._]data|h5|msgpack|lowbit)$|\.index\.json$/i;

/** Folders, links that leave the folder, and what is not there. */
const passedOver: readonly string[] = ['file/missing', 'file/not-a-file', 'file/unsafe-location'];

export const CONFIG = 'config.json';

/** Said where the input was quantized already. */
export const DECODED =
  'The input was quantized already: it was decoded first, and SQNR is measured against that, not against the original.';

/** A folder of safetensors, opened. */
export interface OpenedFolder {
  readonly name: string;
  readonly weights: SafetensorsFile;
  readonly siblings: Siblings;
  /** Paths of the files behind it on this machine. */
  readonly sources: readonly string[];
}

/** @throws recipe/invalid for an ONNX file, checkpoint/missing, safetensors/*, file/* */
export async function openFolderOfWeights(input: ModelInput, label: string): Promise<OpenedFolder> {
  const place = await findWeights(input);
  if (place.kind !== 'folder') {
    await place.source.close?.();
    if (/\.(onnx|ort|lowbit)$/i.test(place.source.name)) refuseOnnx(place.source.name, label);
    return fail('checkpoint/missing', { folder: place.source.name });
  }
  const { list } = place.siblings;
  const siblings = { ...counted(place.siblings, place.folder), ...(list && { list }) };
  const weights = await openSafetensorsFolder(siblings);
  return {
    name: place.name,
    weights,
    siblings,
    sources: siblings.opened.flatMap(({ path }) => path ?? []),
  };
}

/** @throws recipe/invalid always: what is made of a folder cannot be made of a graph */
function refuseOnnx(file: string, label: string): never {
  const way = label.startsWith('safetensors:')
    ? `format:${label.slice('safetensors:'.length).replace(/\+rans$/, '')}`
    : 'format:nf4/64';
  const problem = `to: ${label} is made of a Hugging Face folder, and ${file} is an ONNX model, which takes ${way}, presets and lowbit`;
  return fail('recipe/invalid', { problems: [problem] });
}

/**
 * A target of ONNX files and a folder: the way of folders is named instead.
 * @throws recipe/invalid for a folder with config.json
 */
export async function refuseFolder(input: ModelInput, label: string): Promise<void> {
  if (typeof input === 'string' && /^https?:/.test(input)) return;
  const place = await findWeights(input).catch(() => undefined);
  if (place === undefined) return;
  if (place.kind !== 'folder') {
    if (typeof input === 'string') await place.source.close?.();
    return;
  }
  const scheme = /^format:(.*)$/i.exec(label)?.[1] ?? 'nf4/64';
  const problem = `to: ${label} is made of an ONNX model, and ${place.name} is a folder of weights, which quantize takes to safetensors:${scheme}, bnb:nf4, fp8:block or gguf:Q4_K_M`;
  fail('recipe/invalid', { problems: [problem] });
}

/** Copies the files beside the weights, but for some, to a staging place; gives their names. */
export async function copyCompanions(
  siblings: Siblings,
  staging: Staging,
  except: readonly string[] = [],
): Promise<string[]> {
  const copied: string[] = [];
  const names = (await siblings.list?.()) ?? companionNames;
  for (const name of names.filter((one) => !noCompanion.test(one) && !except.includes(one)).toSorted()) {
    const source = await siblings.open(name).catch((error) => {
      if (error instanceof LowbitError && passedOver.includes(error.code)) return undefined;
      throw error;
    });
    if (source === undefined) continue;
    try {
      const sink = await staging.folder.open(name);
      await copyTo(source, (bytes) => sink.write(bytes));
      await sink.commit();
      copied.push(name);
    } finally {
      await source.close?.();
    }
  }
  return copied;
}

/** A text beside the weights. */
export async function readText(siblings: Siblings, name: string): Promise<string> {
  const source = await siblings.open(name);
  try {
    return new TextDecoder().decode(await source.read(0, source.size));
  } finally {
    await source.close?.();
  }
}

/** What a file says of itself, without its schemes: its tensors are floats now, or others. */
export const plainMetadata = (metadata: ReadonlyMap<string, string>): Map<string, string> =>
  new Map([...metadata].filter(([key]) => key !== QUANTIZED_KEY));

/** config.json without some of its members and with others; gives its name. */
export async function rewriteConfig(
  { siblings }: OpenedFolder,
  staging: Staging,
  remove: readonly string[],
  add: Readonly<Record<string, unknown>>,
): Promise<string> {
  const text = replaceMembers(await readText(siblings, CONFIG), remove, add);
  const sink = await staging.folder.open(CONFIG);
  await sink.write(new TextEncoder().encode(text));
  await sink.commit();
  return CONFIG;
}
