import { stderr } from 'node:process';
import type { RunEvent } from 'lowbit/report';
import { formatBytes, formatCount, formatNumber, formatSeconds } from 'lowbit/report';
import colors from 'picocolors';
import { wantsColor } from './terminal.ts';

type Step = Extract<RunEvent, { type: 'progress' }>;

/** How often a terminal line is drawn anew, and how often a log gets a line. */
const drawMs = 100;
const logMs = 10_000;
const barWidth = 20;

export interface Progress {
  readonly onEvent: (event: RunEvent) => void;
  /** Takes the bar away. Call before anything else is written, and at the end. */
  clear(): void;
}

/** Rate and remaining time of the step in hand, from its own start. */
export function progressText(step: Step, elapsedMs: number): string {
  const { label, done, total, unit } = step;
  const amount = (n: number) => (unit === 'bytes' ? formatBytes(n) : formatCount(n));
  const count =
    unit === 'bytes' ? `${amount(done)} of ${amount(total)}` : `${amount(done)} of ${amount(total)} ${unit}`;
  if (done === 0 || elapsedMs < 1) return `${label}: ${count}`;
  const perSecond = (done / elapsedMs) * 1000;
  const rate = unit === 'bytes' ? formatBytes(perSecond) : formatNumber(perSecond);
  const left = done < total ? `, ${formatSeconds((total - done) / perSecond)} left` : '';
  return `${label}: ${count}, ${rate}/s${left}`;
}

/** Progress on stderr: a bar on a terminal, a line now and then in a log, nothing when quiet. */
export function openProgress(quiet: boolean, now: () => number = () => performance.now()): Progress {
  const bar = stderr.isTTY === true && process.env.TERM !== 'dumb';
  const { dim, cyan } = colors.createColors(wantsColor(stderr));
  let label: string | undefined;
  let started = 0;
  let drawn = Number.NEGATIVE_INFINITY;
  let shown = false;

  const clear = () => {
    if (shown) stderr.write('\r\u001b[2K');
    shown = false;
  };
  const draw = (step: Step) => {
    const time = now();
    if (step.label !== label) {
      label = step.label;
      started = time;
      drawn = bar ? Number.NEGATIVE_INFINITY : time;
    }
    const finished = step.done >= step.total;
    const logged = bar || time - started >= logMs;
    if (time - drawn < (bar ? drawMs : logMs) && !(finished && logged)) return;
    drawn = time;
    const text = progressText(step, time - started);
    if (!bar) {
      stderr.write(`${text}\n`);
      return;
    }
    const filled = Math.round((barWidth * Math.min(step.done, step.total)) / Math.max(1, step.total));
    const line = `${cyan('█'.repeat(filled))}${dim('░'.repeat(barWidth - filled))} ${text}`;
    const room = Math.max(20, (stderr.columns || 80) - 1);
    stderr.write(`\r\u001b[2K${text.length + barWidth + 1 > room ? text.slice(0, room) : line}`);
    shown = true;
    if (finished) clear();
  };
  const handlers: { [T in RunEvent['type']]: (event: Extract<RunEvent, { type: T }>) => void } = {
    progress: draw,
    step: ({ step, preset }) => {
      if (!bar || preset === undefined) return;
      stderr.write(`\r\u001b[2K${dim(`${step} ${preset}`)}`);
      shown = true;
    },
    note: ({ text }) => {
      clear();
      stderr.write(`${dim('note:')} ${text}\n`);
    },
    output: clear,
  };
  return {
    onEvent: (event) => void (quiet || (handlers[event.type] as (event: RunEvent) => void)(event)),
    clear,
  };
}
