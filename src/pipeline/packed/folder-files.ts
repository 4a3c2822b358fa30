import {
  openSafetensorsFolder,
  type SafetensorsFile,
  type Siblings,
  type Staging,
} from '../../files/index.ts';
import { fail, LowbitError } from '../../tensor/index.ts';
import { counted, findWeights } from '../gguf/weights-place.ts';
import type { ModelInput } from '../recipe.ts';
import { copyTo } from './stored-output.ts';

/** What lies beside the weights of a Hugging Face folder and travels with them. */
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

/** A folder of safetensors, opened. */
export interface OpenedFolder {
  readonly name: string;
  readonly weights: SafetensorsFile;
  readonly siblings: Siblings;
  /** Paths of the files behind it on this machine. */
  readonly sources: readonly string[];
}

/** @throws safetensors/*, file/* */
export async function openFolderOfWeights(input: ModelInput): Promise<OpenedFolder> {
  const place = await findWeights(input);
  if (place.kind !== 'folder') {
    await place.source.close?.();
    return fail('checkpoint/missing', { folder: place.source.name });
  }
  const siblings = counted(place.siblings, place.folder);
  const weights = await openSafetensorsFolder(siblings);
  return {
    name: place.name,
    weights,
    siblings,
    sources: siblings.opened.flatMap(({ path }) => path ?? []),
  };
}

/** Copies what is there of the companions, but for some, to a staging place; gives their names. */
export async function copyCompanions(
  siblings: Siblings,
  staging: Staging,
  except: readonly string[] = [],
): Promise<string[]> {
  const copied: string[] = [];
  for (const name of companionNames) {
    if (except.includes(name)) continue;
    const source = await siblings.open(name).catch((error) => {
      if (error instanceof LowbitError && error.code === 'file/missing') return undefined;
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
