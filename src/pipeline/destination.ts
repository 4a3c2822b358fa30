import { outputPlace, type SinkFolder, type Staging, stageInFolder, stageInMemory } from '../files/index.ts';
import { type Preset, presets } from '../numerics/index.ts';
import { fail, lookUp } from '../tensor/index.ts';
import type { ParsedRecipe } from './recipe.ts';

/** Where the outputs of a run go, by preset. */
export interface Destination {
  /** Name of the model file of a preset, without folders. */
  fileName(preset: string): string;
  /** Refuses what is there already, then opens a staging place for one preset. */
  stage(preset: string): Promise<Staging>;
  /** After the last preset: takes back an empty folder that was made for the run. */
  finish(): Promise<void>;
}

/**
 * One preset and a file: that file. A folder: `<preset>.onnx` in it, or the names of transformers.js in its
 * `onnx` folder.
 */
export async function destinationOf(
  output: string | SinkFolder,
  recipe: ParsedRecipe,
  force: boolean,
): Promise<Destination> {
  const named = (preset: string) => fileNameOf(recipe, preset);
  if (typeof output !== 'string') {
    return { fileName: named, stage: async () => stageInMemory(output), finish: async () => {} };
  }
  const layered = recipe.layout === 'transformers.js';
  const place = await outputPlace(output, layered || recipe.presets.length > 1);
  const inner = layered ? await outputPlace(`${place.folder}/onnx`, true) : place;
  const fileName = (preset: string) => inner.file ?? named(preset);
  return {
    fileName,
    stage: (preset) => stageInFolder(inner.folder, { names: [fileName(preset)], force }),
    finish: async () => {
      await inner.undo();
      await place.undo();
    },
  };
}

function fileNameOf(recipe: ParsedRecipe, preset: string): string {
  if (recipe.layout === 'plain') return `${preset}.onnx`;
  const row: Preset = lookUp('preset', presets, preset);
  if (row.transformersJs === undefined) {
    const known = Object.entries(presets as Record<string, Preset>).filter(([, p]) => p.transformersJs);
    fail('recipe/no-transformers-name', { preset, known: known.map(([name]) => name) });
  }
  return `model${row.transformersJs.suffix}.onnx`;
}
