import {
  type ByteSource,
  closingOnError,
  folderSiblings,
  openFile,
  openUrl,
  type Siblings,
} from '../../files/index.ts';
import { LowbitError } from '../../tensor/index.ts';
import type { ModelInput } from '../recipe.ts';

/** Where weights are, by what is there: nothing is read but the first bytes. */
export type WeightsPlace =
  | {
      readonly kind: 'gguf' | 'safetensors' | 'llama2.c' | 'imatrix' | 'other';
      readonly source: ByteSource;
      readonly siblings: Siblings | undefined;
      /** With a separator at its end; undefined where files have no paths on this machine. */
      readonly folder: string | undefined;
    }
  | {
      readonly kind: 'folder';
      readonly name: string;
      readonly siblings: Siblings;
      readonly folder: string | undefined;
    };

const isUrl = (place: string): boolean => /^https?:/.test(place);

/**
 * Looks at a place. The source of a file is left open.
 * @throws file/missing, file/no-access, file/http
 */
export async function findWeights(input: ModelInput): Promise<WeightsPlace> {
  if (typeof input !== 'string') {
    if ('folder' in input)
      return { kind: 'folder', name: input.name, siblings: input.folder, folder: undefined };
    return seen(input.source, input.siblings, undefined);
  }
  if (isUrl(input)) {
    if (input.endsWith('/')) return folderAt(input);
    const { source, siblings } = await openUrl(input);
    return seen(source, siblings, undefined);
  }
  try {
    const { source, siblings } = await openFile(input);
    return await seen(source, siblings, input.replace(/[^/\\]*$/, ''));
  } catch (error) {
    if (error instanceof LowbitError && error.code === 'file/not-a-file') return folderAt(input);
    throw error;
  }
}

async function folderAt(path: string): Promise<WeightsPlace> {
  const siblings = await folderSiblings(path);
  const folder = isUrl(path) ? undefined : path.replace(/[/\\]*$/, '/');
  return { kind: 'folder', name: path, siblings, folder };
}

async function seen(
  source: ByteSource,
  siblings: Siblings | undefined,
  folder: string | undefined,
): Promise<WeightsPlace> {
  const first = await closingOnError([source], () => source.read(0, Math.min(9, source.size)));
  const text = String.fromCharCode(...first);
  const [kind] = kinds.find(([, pattern, suffix]) => pattern.test(text) && suffix.test(source.name)) ?? [
    'other',
  ];
  return { kind, source, siblings, folder };
}

/** What files start with, and how they are called where that says too little. */
const kinds = [
  ['gguf', /^GGUF/, /^/],
  // The length of the header, eight bytes, and the header: JSON.
  ['safetensors', /^[\s\S]{4}\0{4}\{/, /^/],
  // A PyTorch checkpoint is called so too: a zip archive or a pickle.
  ['llama2.c', /^(?!PK|\x80)/, /\.bin$/i],
  // Damaged files of which the name alone says what they were; an importance matrix of the legacy kind has no mark.
  ['gguf', /^/, /\.gguf$/i],
  ['safetensors', /^/, /\.safetensors$/i],
  ['imatrix', /^/, /\.(dat|imatrix)$/i],
] as const;

/** Siblings that remember what was opened: how large it is, and where it lies on this machine. */
export interface CountedSiblings extends Siblings {
  readonly opened: readonly {
    readonly location: string;
    readonly sizeBytes: number;
    readonly path?: string;
  }[];
}

export function counted(siblings: Siblings, folder: string | undefined): CountedSiblings {
  const opened: { location: string; sizeBytes: number; path?: string }[] = [];
  return {
    opened,
    async open(location) {
      const source = await siblings.open(location);
      const path = folder === undefined ? {} : { path: folder + location };
      opened.push({ location, sizeBytes: source.size, ...path });
      return source;
    },
  };
}
