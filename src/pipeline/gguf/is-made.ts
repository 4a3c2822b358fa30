import type { ByteSource } from '../../files/index.ts';
import type { GgufPlan } from './plan-gguf.ts';
import type { GgufRun } from './quantize-gguf.ts';

/** Tiles that are made again, spread over the whole. */
const SAMPLES = 64;

/**
 * Whether files are what a plan would make: the bytes of their headers (metadata with the recipe, names, shapes, types,
 * places), and those of a sample of tiles that are made again.
 */
export async function isMade(
  { pool, recipe, options }: GgufRun,
  plan: GgufPlan,
  files: readonly ByteSource[],
): Promise<boolean> {
  for (const [i, { layout }] of plan.files.entries()) {
    const { header } = layout;
    if (!equal(await files[i]!.read(0, header.byteLength), header)) return false;
  }
  const step = Math.max(1, Math.floor(plan.tiles / SAMPLES));
  const done = Uint8Array.from({ length: plan.tiles }, (_, tile) => (tile % step === 0 ? 0 : 1));
  let same = true;
  const outputs = files.map((file) => ({
    name: file.name,
    async write(offset: number, bytes: Uint8Array) {
      same &&= equal(await file.read(offset, bytes.byteLength), bytes);
    },
  }));
  const { signal } = options;
  await pool.encode({ jobs: plan.jobs, outputs, search: recipe.search, done, ...(signal && { signal }) });
  return same;
}

const equal = (a: Uint8Array, b: Uint8Array): boolean =>
  a.byteLength === b.byteLength && a.every((byte, i) => byte === b[i]);
