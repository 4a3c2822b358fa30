import type { CommonOptions } from 'lowbit';
import type { RunRecord } from 'lowbit/report';
import type { CommandRun } from './command.ts';
import { runOptions } from './open-data.ts';
import { printRecord } from './print-record.ts';
import { openProgress } from './progress.ts';

/** What every run is handed beside what it is about. */
type RunOptions = ReturnType<typeof runOptions> & Pick<CommonOptions, 'onEvent' | 'signal'>;

/** Runs a job with progress on stderr, prints its record and gives the exit code. */
export async function runWithProgress(
  { flags, terminal, signal }: CommandRun,
  job: (options: RunOptions) => Promise<RunRecord>,
): Promise<number> {
  const progress = openProgress(terminal.quiet || terminal.json);
  try {
    const record = await job({ ...runOptions(flags), onEvent: progress.onEvent, signal });
    progress.clear();
    return printRecord(record, terminal, flags);
  } finally {
    progress.clear();
  }
}
