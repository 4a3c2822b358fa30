import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Runs `work` in an empty folder that is removed afterwards: LOWBIT_BENCH_DIR, or memory where it has the room, so that
 * no disk is measured, or the temporary folder.
 */
export async function inScratchFolder<T>(
  sizeBytes: number,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const roomy = async (path: string) => {
    const { bavail, bsize } = await statfs(path).catch(() => ({ bavail: 0, bsize: 0 }));
    return bavail * bsize > 1.5 * sizeBytes;
  };
  const memory = '/dev/shm';
  const parent = process.env.LOWBIT_BENCH_DIR ?? ((await roomy(memory)) ? memory : tmpdir());
  const folder = await mkdtemp(join(parent, 'lowbit-bench-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
