import {
  formatGguf,
  formatPlan,
  formatStored,
  formatTable,
  isGgufRecord,
  isStoredRecord,
  type RunRecord,
  storedLines,
} from 'lowbit/report';
import type { ParsedFlags } from './parse-flags.ts';
import type { Terminal } from './terminal.ts';

const limitNotMet = 3;

/** Prints what a run did and gives its exit code. */
export function printRecord(record: RunRecord, terminal: Terminal, flags: ParsedFlags): number {
  const { color, width } = terminal;
  const planned = record.outputs.some((output) => output.status === 'planned');
  const tensors = flags.boolean('tensors') ?? false;
  if (terminal.json) terminal.printJson(record);
  else {
    const format = isGgufRecord(record)
      ? formatGguf
      : isStoredRecord(record)
        ? formatStored
        : planned
          ? formatPlan
          : formatTable;
    terminal.print(format(record, { color, width, tensors }));
    if (format === formatTable) {
      for (const { stored } of record.outputs)
        if (stored) terminal.print(`\n${storedLines(stored, tensors, (title) => title).join('\n')}\n`);
    }
  }
  const missed =
    record.outputs.some((output) => output.status === 'limit-not-met') ||
    (record.limits ?? []).some((limit) => !limit.met);
  return missed ? limitNotMet : 0;
}
