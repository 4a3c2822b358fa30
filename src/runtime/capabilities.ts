import { platform } from '#runtime-platform';
import type { Capabilities } from './runtime.ts';

let probed: Promise<Capabilities> | undefined;

/** What this machine can do: one probe, frozen, the same answer for the life of the process. */
export function capabilities(): Promise<Capabilities> {
  probed ??= platform
    .probe()
    .then((found) => Object.freeze({ ...found, runtimes: Object.freeze([...found.runtimes]) }));
  return probed;
}
