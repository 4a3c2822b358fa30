import type { PresetKind } from '../numerics/index.ts';
import type { LatencyRecord } from '../report/index.ts';

/** Below this share of the float model's speed the user is told. Less than that is noise. */
const NOTABLE = 0.9;

/** Why a quantized model can be slower than float, by what the preset does. */
const reasons: Readonly<Record<PresetKind, string>> = {
  static:
    'its layers are so small that quantizing between them costs more than integer arithmetic saves; larger batches or models gain',
  dynamic:
    'finding the range of every activation at run time costs more than integer arithmetic saves on layers this small',
  'weight-only':
    'weights are unpacked while the model runs, which pays where memory is the limit, not arithmetic',
  float: 'this processor computes in float32, so values are converted on the way',
  scheme:
    'weights become float when the model is loaded, or are unpacked on every run; either saves no arithmetic',
  fp8: 'no CPU computes in 8-bit floats: they are simulated',
};

/** Says where a result is slower than the float model, and why. `slower`: slower in every turn of timing. */
export function slowerNotes(kind: PresetKind, slower: readonly LatencyRecord[]): string[] {
  const notable = slower.filter(({ speedup = 1 }) => speedup < NOTABLE);
  if (notable.length === 0) return [];
  const where = notable.map(({ batch, speedup }) => `batch ${batch} (${speedup!.toFixed(2)}x)`);
  return [`Slower than float at ${where.join(' and ')}: ${reasons[kind]}.`];
}

/** A 95th percentile this many times the median: something else had the processor in between. */
const UNSTEADY = 4;

/** Says that speeds are not to be quoted, where runs of the same model differ too much. */
export function unsteadyNotes(latency: readonly LatencyRecord[]): string[] {
  const unsteady = latency.filter(({ medianMs, p95Ms }) => p95Ms > UNSTEADY * medianMs);
  if (unsteady.length === 0) return [];
  const batches = [...new Set(unsteady.map(({ batch }) => batch))].join(' and ');
  return [
    `Timings at batch ${batches} are unsteady (p95 far above the median): the machine is busy, or the model too small for so many threads. Measure again with --threads 1 or more --runs before you quote a speed.`,
  ];
}
