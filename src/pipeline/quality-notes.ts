import type { Model } from '../graph/index.ts';
import type { AgreementRecord } from '../report/index.ts';
import type { Lowered } from './lower-request.ts';
import { weightBytes } from './open-model.ts';

/** Below these a result is hardly the same network any more: the user is told, whatever the limits. */
const LEAST_SQNR_DB = 15;
const LEAST_AGREEMENT = 0.95;
/** Less of the model's bytes than this touched: the preset does next to nothing here. */
const LEAST_SHARE = 0.05;

/** What a user must not overlook: outputs far from the float model's, and a preset that hardly applies. */
export function qualityNotes(
  agreement: AgreementRecord | undefined,
  { quantized }: Lowered,
  float: Model,
): string[] {
  const notes: string[] = [];
  const worst = (agreement?.outputs ?? []).filter((o) => o.sqnrDb < LEAST_SQNR_DB);
  const same = agreement?.sameDecision;
  if (worst.length > 0 || (same !== undefined && same < LEAST_AGREEMENT)) {
    const parts = [
      ...worst.map((o) => `'${o.name}' has ${o.sqnrDb.toFixed(1)} dB`),
      ...(same === undefined ? [] : [`${(100 * same).toFixed(1)} % of the decisions are the same`]),
    ];
    notes.push(
      `FAR FROM FLOAT: ${parts.join(', ')}. Find the layers (--layers) and keep them float, or choose more bits.`,
    );
  }
  const touched = quantized.reduce((sum, tensor) => sum + tensor.floatBytes, 0);
  const share = touched / Math.max(1, weightBytes(float));
  if (share < LEAST_SHARE) {
    notes.push(`Hardly applies: ${(100 * share).toFixed(1)} % of the weights' bytes are quantized.`);
  }
  return notes;
}
