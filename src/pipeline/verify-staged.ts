import type { Model } from '../graph/index.ts';
import type { FileRecord, OutputRecord } from '../report/index.ts';
import type { RuntimeModel } from '../runtime/index.ts';
import { slowerNotes, unsteadyNotes } from './latency-notes.ts';
import type { Lowered } from './lower-request.ts';
import { qualityNotes } from './quality-notes.ts';
import type { QuantizeRun } from './quantize-run.ts';
import { presetRow } from './selection.ts';
import { compareCost, measureCost, verify } from './verify.ts';

export type Verified = Pick<OutputRecord, 'status' | 'agreement' | 'layers' | 'limits' | 'notes' | 'why'> & {
  readonly measurement?: NonNullable<OutputRecord['measurement']>;
};

/** Opens what was written as its user will, and measures it beside the float model. */
export async function verifyStaged(
  run: QuantizeRun,
  name: string,
  loadable: RuntimeModel,
  file: FileRecord,
  quantized: Model,
  lowered: Lowered,
): Promise<Verified> {
  const { context, options, opened } = run;
  const float = run.float!;
  const measure = options.measure ?? {};
  const load = { ...lowered.load, name: file.path };
  const session = await context.runtime.load(loadable, load);
  try {
    const reference = { name: opened.name, session: float.session };
    const result = await verify(context, reference, { name, session }, float.data, {
      ...measure,
      limits: run.limits,
      graphs: async () => ({
        float: run.prepared,
        quantized,
        ...(lowered.valueMap && { valueMap: lowered.valueMap }),
        ...(lowered.load && { load: lowered.load }),
      }),
    });
    const subject = { session, loadable, load };
    const {
      reference: floatLatency,
      candidate: cost,
      slower,
    } = await compareCost(context, float.session, subject, float.data, measure);
    if (run.baseline === undefined) {
      const own = { session: float.session, loadable: await opened.loadable() };
      const { peakMemoryBytes } = await measureCost(context, own, float.data, { ...measure, runs: 0 });
      run.baseline = {
        file: opened.file,
        metrics: result.baseline,
        latency: floatLatency,
        ...(peakMemoryBytes !== undefined && { peakMemoryBytes }),
      };
    }
    const met = result.limits.every((limit) => limit.met);
    return {
      status: met ? 'done' : 'limit-not-met',
      measurement: { file, metrics: result.candidate, ...cost },
      ...(result.agreement && { agreement: result.agreement }),
      limits: result.limits,
      notes: [
        ...result.notes,
        ...slowerNotes(presetRow(name).kind, slower),
        ...unsteadyNotes([...floatLatency, ...cost.latency]),
        ...qualityNotes(result.agreement, lowered, run.prepared),
      ],
      ...(result.layers && { layers: result.layers }),
    };
  } finally {
    await session.release();
  }
}
