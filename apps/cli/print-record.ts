import { formatGguf, formatPlan, formatTable, isGgufRecord, type RunRecord } from 'lowbit/report';
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
    const format = isGgufRecord(record) ? formatGguf : planned ? formatPlan : formatTable;
    terminal.print(format(record, { color, width, tensors }));
  }
  const missed =
    record.outputs.some((output) => output.status === 'limit-not-met') ||
    (record.limits ?? []).some((limit) => !limit.met);
  return missed ? limitNotMet : 0;
}
