import {
  type ByteSource,
  type GgufModel,
  openFile,
  openGguf,
  openUrl,
  parseShardName,
  type Siblings,
} from '../../files/index.ts';
import { fileTypes } from '../../numerics/index.ts';
import type { FileRecord } from '../../report/index.ts';
import { LowbitError } from '../../tensor/index.ts';
import type { ModelInput } from '../recipe.ts';
import type { GgufTarget } from './gguf-target.ts';

/** A model whose headers are read and whose tensors are still in its files. */
export interface OpenedWeights {
  /** What an output is called that nobody named: 'model.Q4_K_M.gguf' of model.f16.gguf. */
  readonly outputName: (target: GgufTarget) => string;
  readonly container: 'gguf' | 'checkpoint';
  readonly model: GgufModel;
  readonly file: FileRecord;
  /** Files that it came in. */
  readonly shards: number;
  /** Paths of the files behind it on this machine; none in a page. */
  readonly sources: readonly string[];
  readonly close: () => Promise<void>;
}

/** A place that was opened: the file, or the folder around it. */
interface OpenedPlace {
  readonly source: ByteSource;
  readonly siblings: Siblings | undefined;
  /** With a separator at its end; undefined where files have no paths. */
  readonly folder: string | undefined;
}

/** Opens a GGUF file (any part of a split one) by path or URL, or from a source with its neighbourhood. */
export async function openWeights(input: ModelInput): Promise<OpenedWeights> {
  const { source, siblings, folder } = await openPlace(input);
  const places = [...(folder === undefined || isUrl(folder) ? [] : [source.name])];
  const counting: Siblings | undefined = siblings && {
    async open(location) {
      const sibling = await siblings.open(location);
      if (folder !== undefined && !isUrl(folder)) places.push(folder + location);
      return sibling;
    },
  };
  try {
    const file = await openGguf(source, counting);
    return {
      outputName: (target) => outputName(source.name, target),
      container: 'gguf',
      model: file,
      file: { path: source.name, sizeBytes: file.sizeBytes },
      shards: file.shards,
      sources: places,
      close: () => file.close(),
    };
  } catch (error) {
    await source.close?.();
    throw error;
  }
}

const isUrl = (place: string): boolean => /^https?:/.test(place);

async function openPlace(input: ModelInput): Promise<OpenedPlace> {
  if (typeof input !== 'string') return { source: input.source, siblings: input.siblings, folder: undefined };
  const { source, siblings } = isUrl(input) ? await openUrl(input) : await openFile(input);
  return { source, siblings, folder: input.replace(/[^/\\]*$/, '') };
}

/** Whether the bytes at a place are GGUF, by what they start with; nothing else is said of a place. */
export async function isGgufFile(input: ModelInput): Promise<boolean> {
  let place: OpenedPlace;
  try {
    place = await openPlace(input);
  } catch (error) {
    if (error instanceof LowbitError) return false;
    throw error;
  }
  const { source } = place;
  try {
    return source.size >= 4 && String.fromCharCode(...(await source.read(0, 4))) === 'GGUF';
  } finally {
    if (typeof input === 'string') await source.close?.();
  }
}

const typeSuffix = new RegExp(`[.-](${Object.keys(fileTypes).join('|')}|fp16|fp32)$`, 'i');

/** 'model.Q8_0.gguf' of 'models/model-F16-00001-of-00002.gguf'. */
export function outputName(path: string, { fileType }: GgufTarget): string {
  const shard = parseShardName(path);
  const base = path
    .replace(/[?#].*$/, '')
    .replace(/[/\\]+$/, '')
    .split(/[/\\]/)
    .at(-1)!;
  const stem = (shard?.prefix ?? base.replace(/\.gguf$/i, '')).replace(typeSuffix, '') || 'model';
  return fileType === undefined ? `${stem}.gguf` : `${stem}.${fileType}.gguf`;
}
