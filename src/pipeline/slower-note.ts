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
  fp8: 'no CPU computes in 8-bit floats: they are simulated',
};

/** Says where a result is slower than the float model, and why. `slower`: slower in every turn of timing. */
export function slowerNotes(kind: PresetKind, slower: readonly LatencyRecord[]): string[] {
  const notable = slower.filter(({ speedup = 1 }) => speedup < NOTABLE);
  if (notable.length === 0) return [];
  const where = notable.map(({ batch, speedup }) => `batch ${batch} (${speedup!.toFixed(2)}x)`);
  return [`Slower than float at ${where.join(' and ')}: ${reasons[kind]}.`];
}
