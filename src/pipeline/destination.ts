import {
  openFile,
  openFolder,
  outputPlace,
  type Siblings,
  type SinkFolder,
  type Staging,
  stageInFolder,
  stageInMemory,
} from '../files/index.ts';
import { fail } from '../tensor/index.ts';
import { fileLabel } from './format-target.ts';
import { type CompanionFile, companionsOf, readCompanion, transformersFileName } from './layout.ts';
import type { ParsedRecipe } from './recipe.ts';

/** Where the outputs of a run go, by preset. */
export interface Destination {
  /** What a user should know about the place. */
  readonly notes: readonly string[];
  /** Name of the model file of a preset, without folders. */
  fileName(preset: string): string;
  /** Opens a staging place for one preset; what it publishes are paths as the user would say them. */
  stage(preset: string): Promise<Staging>;
  /** After the last preset: writes what travels with the models that were published, name -> external files. */
  complete(models: ReadonlyMap<string, number>): Promise<void>;
  /** In the end, whatever came: takes back an empty folder that was made for the run. */
  close(): Promise<void>;
}

export interface DestinationOptions {
  readonly force: boolean;
  readonly companions: Siblings;
  /** Paths of the files that are being read. */
  readonly sources: readonly string[];
}

type FileNames = (preset: string) => string;

/** One row per layout: how a preset's file is called, and the folder of the models inside the output. */
const layouts: Readonly<
  Record<ParsedRecipe['layout'], { readonly fileName: FileNames; readonly folder: string }>
> = {
  plain: { fileName: (preset) => `${fileLabel(preset)}.onnx`, folder: '' },
  'transformers.js': { fileName: transformersFileName, folder: 'onnx' },
};

/**
 * One preset and a file: that file. A folder: `<preset>.onnx` in it, or the names of transformers.js in its
 * `onnx` folder, with the `companions` of the source model beside it. Everything that is in the way is refused
 * here, before the work.
 * @throws recipe/same-file, recipe/no-transformers-name, file/exists, file/is-source, file/folder-missing, file/no-access,
 * file/not-json
 */
export async function destinationOf(
  output: string | SinkFolder,
  recipe: ParsedRecipe,
  options: DestinationOptions,
): Promise<Destination> {
  refuseSameFile(recipe);
  return typeof output === 'string'
    ? folderDestination(output, recipe, options)
    : sinkDestination(output, recipe, options.companions);
}

/**
 * Two presets of one run must not overwrite each other.
 * @throws recipe/same-file, recipe/no-transformers-name
 */
export function refuseSameFile({ layout, presets }: ParsedRecipe): void {
  const taken = new Map<string, string>();
  for (const second of presets) {
    const file = layouts[layout].fileName(second);
    const first = taken.get(file);
    if (first !== undefined) fail('recipe/same-file', { first, second, file });
    taken.set(file, second);
  }
}

/** The name that a preset's file would have; nothing is looked up or made. */
export function plannedName(output: string | SinkFolder, recipe: ParsedRecipe, preset: string): string {
  const { fileName, folder } = layouts[recipe.layout];
  const named = typeof output === 'string' && folder === '' && recipe.presets.length === 1;
  return (named && /[^/\\]+$/.exec(output)?.[0]) || fileName(preset);
}

async function folderDestination(
  output: string,
  recipe: ParsedRecipe,
  { force, companions, sources }: DestinationOptions,
): Promise<Destination> {
  const layout = layouts[recipe.layout];
  const layered = layout.folder !== '';
  const place = await outputPlace(output, layered || recipe.presets.length > 1);
  const inner = layered ? await outputPlace(`${place.folder}/${layout.folder}`, true) : place;
  const close = async () => {
    await inner.undo();
    await place.undo();
  };
  const fileName: FileNames = (preset) => inner.file ?? layout.fileName(preset);
  const stage = (names: readonly string[]) => stageInFolder(inner.folder, { names, force, sources });
  const there: Siblings = { open: async (name) => (await openFile(`${place.folder}/${name}`)).source };
  // The configuration that is there knows of models beside the new ones: it stays, with entries added.
  const merged: Siblings = {
    open(name) {
      const [first, second] = force && name !== configFile ? [companions, there] : [there, companions];
      return first.open(name).catch(() => second.open(name));
    },
  };
  const notes: string[] = [];
  try {
    await (await stage(recipe.presets.map(fileName))).discard();
    if (layered) notes.push(...companionNotes(await companionsOf(merged, new Map())));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    notes,
    fileName,
    stage: (preset) => stage([fileName(preset)]),
    async complete(models) {
      if (!layered || models.size === 0) return;
      const changed: CompanionFile[] = [];
      for (const file of await companionsOf(merged, models)) {
        const before = await readCompanion(there, file.name);
        if (before === undefined || !sameBytes(before, file.bytes)) changed.push(file);
      }
      await writeCompanions(await openFolder(place.folder, { force: true }), changed);
    },
    close,
  };
}

async function sinkDestination(
  output: SinkFolder,
  recipe: ParsedRecipe,
  companions: Siblings,
): Promise<Destination> {
  const { fileName, folder } = layouts[recipe.layout];
  const layered = folder !== '';
  const inside = (name: string) => (layered ? `${folder}/${name}` : name);
  const inner: SinkFolder = {
    open: (name) => output.open(inside(name)),
    ...(output.commit && { commit: (sinks) => output.commit!(sinks) }),
  };
  return {
    notes: layered ? companionNotes(await companionsOf(companions, new Map())) : [],
    fileName,
    async stage() {
      const staging = stageInMemory(inner);
      return { ...staging, publish: async (names) => (await staging.publish(names)).map(inside) };
    },
    async complete(models) {
      if (layered && models.size > 0) await writeCompanions(output, await companionsOf(companions, models));
    },
    async close() {},
  };
}

const configFile = 'config.json';

const companionNotes = (files: readonly CompanionFile[]): string[] =>
  files.some((file) => file.name === configFile)
    ? []
    : [
        `There is no ${configFile} beside the source model: add it, or transformers.js will not load the folder.`,
      ];

async function writeCompanions(folder: SinkFolder, files: readonly CompanionFile[]): Promise<void> {
  for (const { name, bytes } of files) {
    const sink = await folder.open(name);
    try {
      await sink.write(bytes);
      await sink.commit();
    } catch (error) {
      await sink.abort();
      throw error;
    }
  }
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.byteLength === b.byteLength && a.every((byte, i) => byte === b[i]);
