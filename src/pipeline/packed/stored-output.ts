import {
  type ByteSource,
  memorySource,
  type OpenedFile,
  openFile,
  openUrl,
  outputPlace,
  type SinkFolder,
  type Staging,
  stageInFolder,
  stageInMemory,
} from '../../files/index.ts';
import type { FileRecord, MachineRecord, OutputRecord, RunRecord } from '../../report/index.ts';
import { capabilities } from '../../runtime/index.ts';
import { fail } from '../../tensor/index.ts';
import type { ModelInput } from '../recipe.ts';
import { lowbitVersion } from '../version.ts';

/** Where an output is written before it has its name. */
export interface StoredPlace {
  readonly staging: Staging;
  /** The name that the user gave a single file. */
  readonly file: string | undefined;
  /** In the end, whatever came. */
  close(): Promise<void>;
}

/** Weights by the names that loaders look for: of one file, of shards, and the index of these. */
const folderWeights = /^model(-\d+-of-\d+)?\.safetensors(\.index\.json)?$/;

/** Opens the place of files that come together. `folder`: the output is one, however its path ends. */
export async function storedPlace(
  output: string | SinkFolder,
  names: (file: string | undefined) => readonly string[],
  options: { readonly folder: boolean; readonly force?: boolean; readonly sources: readonly string[] },
): Promise<StoredPlace> {
  if (typeof output !== 'string')
    return { staging: stageInMemory(output), file: undefined, close: async () => {} };
  const { force = false, sources } = options;
  const place = await outputPlace(output, options.folder);
  try {
    const staging = await stageInFolder(place.folder, {
      names: names(place.file),
      force,
      sources,
      ...(options.folder && { replaces: folderWeights }),
    });
    return { staging, file: place.file, close: () => staging.discard().then(() => place.undo()) };
  } catch (error) {
    await place.undo();
    throw error;
  }
}

/** A file that was committed to a staging place. */
export async function openStaged(staging: Staging, name: string): Promise<ByteSource> {
  const staged = staging.model(name);
  return 'path' in staged ? (await openFile(staged.path)).source : memorySource(staged.bytes, name);
}

/** Opens a model file by path, URL or source; nothing is read. */
export async function openInput(input: ModelInput): Promise<OpenedFile> {
  if (typeof input === 'string') return /^https?:/.test(input) ? openUrl(input) : openFile(input);
  if ('folder' in input) fail('file/not-a-file', { path: input.name });
  const none = { open: async (path: string) => fail('file/missing', { path }) };
  return { source: input.source, siblings: input.siblings ?? none };
}

/** Copies a source piece by piece. */
export async function copyTo(
  source: ByteSource,
  write: (bytes: Uint8Array) => Promise<void>,
  pieceBytes = 2 ** 22,
): Promise<void> {
  for (let at = 0; at < source.size; at += pieceBytes)
    await write(await source.read(at, Math.min(pieceBytes, source.size - at)));
}

/** What a dry run of a conversion says; `sizeBytes` and `files` where they are known without the work. */
export const plannedConversion = (
  preset: string,
  note: string,
  sizeBytes?: number,
  files: readonly FileRecord[] = [],
) => ({
  preset,
  status: 'planned' as const,
  ...(sizeBytes !== undefined && { predictedSizeBytes: sizeBytes }),
  stored: { bitsPerWeight: 0, bitsPerCode: 0, entropyBits: 0, tensors: [], files },
  notes: [note],
});

/** The record of a run that made one output. */
export async function storedRecord(
  command: 'quantize' | 'convert',
  source: RunRecord['source'],
  output: Omit<OutputRecord, 'tensors' | 'kept' | 'limits' | 'seconds' | 'status'> &
    Partial<Pick<OutputRecord, 'status'>>,
  started: number,
): Promise<RunRecord> {
  const seconds = (performance.now() - started) / 1000;
  return {
    schema: 1,
    command,
    lowbitVersion,
    machine: await machine(),
    source,
    guesses: [],
    outputs: [{ status: 'done', tensors: [], kept: [], limits: [], seconds, ...output }],
    seconds,
  };
}

async function machine(): Promise<MachineRecord> {
  const { cpu, cores, vnni } = await capabilities();
  return { cpu, cores, vnni, runtime: 'lowbit kernels (WebAssembly SIMD)', threads: 1 };
}
