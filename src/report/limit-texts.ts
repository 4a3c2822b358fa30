import { metricText, outputName } from './measurement-columns.ts';
import type { LimitRecord, MeasurementRecord, OutputRecord, RunRecord } from './record.ts';

/** 'limit 0.5% on top-1: NOT MET: 83.11 % (95 % interval 82.50 % to 83.70 %), 1.12 points worse than float'. */
export function limitText(
  limit: LimitRecord,
  own: MeasurementRecord | undefined,
  float: MeasurementRecord | undefined,
): string {
  const named = (of: MeasurementRecord | undefined) => of?.metrics.find((m) => m.name === limit.metric);
  const metric = named(own);
  const rate = (metric ?? named(float))?.kind === 'rate';
  const figure = (value: number) =>
    metricText({
      name: limit.metric,
      value,
      kind: rate ? 'rate' : 'score',
      higherIsBetter: true,
      samples: 0,
    });
  const { interval } = metric ?? {};
  const between =
    interval === undefined ? '' : ` (95 % interval ${figure(interval[0])} to ${figure(interval[1])})`;
  const verdict = limit.met ? 'met' : 'NOT MET';
  const drop = limit.drop === undefined ? '' : `, ${dropText(limit.drop, rate)}`;
  // A limit on something that is no metric, such as outputs without NaN, has no figure to show.
  const measured = metric === undefined ? '' : `: ${figure(limit.value)}${between}`;
  return `limit ${limit.text} on ${limit.metric}: ${verdict}${measured}${drop}`;
}

function dropText(drop: number, rate: boolean): string {
  if (Math.abs(drop) < 0.005) return 'equal to float';
  return `${Math.abs(drop).toFixed(2)} ${rate ? 'points' : '%'} ${drop > 0 ? 'worse' : 'better'} than float`;
}

/** What an output that missed a limit came to: `quantize` writes none, the others only measure. */
export const missedText = (command: RunRecord['command']): string =>
  command === 'quantize' ? 'NOT WRITTEN, its limit was not met' : 'its limit was not met';

/** The last words on each output that missed a limit, and the way out. */
export function missedTexts({ command, outputs }: RunRecord): string[] {
  const missed = outputs.filter((output: OutputRecord) => output.status === 'limit-not-met');
  const hint =
    command === 'quantize' ? '. Keep the worst layers float with --keep, or choose more bits.' : '.';
  return missed.map((output) => `${outputName(output)}: ${missedText(command)}${hint}`);
}
