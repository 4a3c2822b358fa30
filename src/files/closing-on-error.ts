import type { ByteSource } from './bytes.ts';

/** Runs; where that throws, the sources are closed before the error goes on. `sources` may grow meanwhile. */
export async function closingOnError<T>(
  sources: readonly Pick<ByteSource, 'close'>[],
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    for (const source of sources) await source.close?.();
    throw error;
  }
}
