import {
  openPartialFiles,
  outputPlace,
  type PartialFiles,
  type PartialPlan,
  partialInMemory,
} from '../../files/index.ts';
import { lowbitVersion } from '../version.ts';
import type { GgufTarget } from './gguf-target.ts';
import { isMade } from './is-made.ts';
import type { GgufPlan } from './plan-gguf.ts';
import type { GgufRun } from './quantize-gguf.ts';

/** Where the outputs of a run go. */
export interface GgufDestination {
  fileName(target: GgufTarget): string;
  /** Opens the files of all outputs: everything that is in the way is refused here, before the work. */
  open(plans: readonly GgufPlan[]): Promise<void>;
  partial(plan: GgufPlan): PartialFiles;
  /** The file that a stopped run leaves unfinished for a later one; undefined where nothing is left. */
  kept(): string | undefined;
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
  const keeps = () =>
    !completed &&
    partials.size > 0 &&
    typeof output === 'string' &&
    options.resume === true &&
    options.signal?.aborted === true;
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
    kept: () => (keeps() ? String(output) : undefined),
    async close() {
      const keep = keeps();
      if (!completed) for (const partial of partials.values()) await partial.discard(keep);
      await place?.undo();
    },
  };
}

async function partialPlan(run: GgufRun, plan: GgufPlan): Promise<PartialPlan> {
  const { options, weights, given } = run;
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
            'the model': await modelDigest(plan),
          }
        : {},
    ...(typeof options.output === 'string' && {
      contents: await digest(plan.files.map(({ layout }) => layout.header)),
    }),
    isMade: (files) => isMade(run, plan, files),
    resume,
    force,
    sources: [...weights.sources, ...(given.imatrix === undefined ? [] : [given.imatrix])],
  };
}

/** Of the tensors that are read: names, shapes, types. Files on this machine are known by size and time, too. */
const modelDigest = ({ tensors }: GgufPlan): Promise<string> =>
  digest([
    new TextEncoder().encode(
      JSON.stringify(tensors.map(({ source: { name, shape, type } }) => [name, shape, type])),
    ),
  ]);

async function digest(parts: readonly Uint8Array[]): Promise<string> {
  const hashes = await Promise.all(
    parts.map((part) => crypto.subtle.digest('SHA-256', part as Uint8Array<ArrayBuffer>)),
  );
  const hex = (hash: ArrayBuffer) =>
    Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hashes.map(hex).join(' ');
}
