import type { Flags } from './flags.ts';
import type { ParsedFlags } from './parse-flags.ts';
import type { Terminal } from './terminal.ts';

/** What a running command is handed. */
export interface CommandRun {
  readonly flags: ParsedFlags;
  readonly terminal: Terminal;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** A command is data: its flags and help are read off it. */
export interface Command {
  readonly meta: { readonly name: string; readonly description: string };
  readonly args: Flags;
  readonly examples: readonly string[];
  /** Returns the exit code: 0 done, 3 a limit not met. */
  readonly execute: (run: CommandRun) => Promise<number>;
}
