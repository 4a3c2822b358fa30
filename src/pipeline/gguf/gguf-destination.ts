import {
  openPartialFiles,
  outputPlace,
  type PartialFiles,
  type PartialPlan,
  partialInMemory,
} from '../../files/index.ts';
import { lowbitVersion } from '../version.ts';
import type { GgufTarget } from './gguf-target.ts';
import type { GgufPlan } from './plan-gguf.ts';
import type { GgufRun } from './quantize-gguf.ts';

/** Where the outputs of a run go. */
export interface GgufDestination {
  fileName(target: GgufTarget): string;
  /** Opens the files of all outputs: everything that is in the way is refused here, before the work. */
  open(plans: readonly GgufPlan[]): Promise<void>;
  partial(plan: GgufPlan): PartialFiles;
  /** After the last output. */
  complete(): Promise<void>;
  /** In the end, whatever came: what has no name goes, but for what a resumed run may go on from. */
  close(): Promise<void>;
}

/** One output and a path: that file. Otherwise a folder with `<model>.<TYPE>.gguf` for each. */
export async function ggufDestination(run: GgufRun): Promise<GgufDestination> {
  const { options, recipe, weights } = run;
  const { output } = options;
  const place = typeof output === 'string' ? await outputPlace(output, recipe.targets.length > 1) : undefined;
  const partials = new Map<GgufPlan, PartialFiles>();
  let completed = false;
  return {
    fileName: (target) => place?.file ?? weights.outputName(target),
    async open(plans) {
      for (const plan of plans) {
        const files = await partialPlan(run, plan);
        const partial =
          typeof output === 'string'
            ? await openPartialFiles(place!.folder, files)
            : partialInMemory(output, files);
        partials.set(plan, partial);
      }
    },
    partial: (plan) => partials.get(plan)!,
    async complete() {
      completed = true;
      for (const partial of partials.values()) await partial.forget();
    },
    async close() {
      const keep = options.resume === true && options.signal?.aborted === true;
      if (!completed) for (const partial of partials.values()) await partial.discard(keep);
      await place?.undo();
    },
  };
}

async function partialPlan({ options, weights, given }: GgufRun, plan: GgufPlan): Promise<PartialPlan> {
  const { presets: _, to: _to, ...recipe } = given;
  const { resume = false, force = false } = options;
  return {
    files: plan.files.map(({ name, layout }) => ({ name, sizeBytes: layout.sizeBytes })),
    units: plan.tiles,
    identity:
      typeof options.output === 'string'
        ? {
            'the recipe': JSON.stringify({ ...recipe, to: plan.target.label }),
            'the version of lowbit': lowbitVersion,
            'the model': await digest(plan),
          }
        : {},
    resume,
    force,
    sources: [...weights.sources, ...(given.imatrix === undefined ? [] : [given.imatrix])],
  };
}

/** Of everything but the values: metadata, names, shapes, types before and after. */
async function digest({ files, tensors }: GgufPlan): Promise<string> {
  const types = new TextEncoder().encode(tensors.map(({ source }) => source.type).join());
  const parts = [...files.map(({ layout }) => layout.header), types];
  const hashes = await Promise.all(
    parts.map((part) => crypto.subtle.digest('SHA-256', part as Uint8Array<ArrayBuffer>)),
  );
  const hex = (hash: ArrayBuffer) =>
    Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hashes.map(hex).join(' ');
}
