import type { Model, NodeFilter } from '../graph/index.ts';
import { capabilities } from '../runtime/index.ts';
import { weightQuantizer } from './choose-codes.ts';
import { lower } from './lower.ts';
import type { Lowered } from './lower-request.ts';
import type { QuantizeRun } from './quantize-run.ts';
import { assign, presetRow, presetsOf } from './selection.ts';

/** Every lowering that this output takes: the main preset and those of overrides. */
export async function lowerAll(run: QuantizeRun, main: string, model: Model): Promise<Lowered> {
  const { context, recipe, calibration, observer } = run;
  const parts: Lowered[] = [];
  for (const name of presetsOf(main, recipe)) {
    const preset = presetRow(name);
    // Nodes of another preset of this output: that one's lowering says what became of them.
    const elsewhere = new Set<string>();
    const filter: NodeFilter = (node) => {
      const assignment = assign(node, main, recipe, run.ends);
      if (assignment.preset === name) return true;
      if (assignment.preset !== undefined) elsewhere.add(node.name);
      return assignment.why;
    };
    const part = await lower({
      context,
      preset,
      recipe,
      model,
      filter,
      quantizer: weightQuantizer(context),
      capabilities: await capabilities(),
      // A dry run does not calibrate: ranges change little of the size.
      calibration: run.options.dryRun ? undefined : calibration,
      observer,
    });
    const idle =
      name !== main && part.quantized.length === 0
        ? [`The overrides with '${name}' quantized nothing: it covers no operator that they name.`]
        : [];
    const kept = part.kept.filter((k) => !elsewhere.has(k.node));
    parts.push({ ...part, kept, notes: [...part.notes, ...idle] });
  }
  const done = new Set(parts.flatMap((part) => part.quantized.map((q) => q.node)));
  const kept = new Map(parts.flatMap((part) => part.kept).map((k) => [k.node, k]));
  return {
    quantized: parts.flatMap((part) => part.quantized),
    // A node that another preset of this output took is not kept.
    kept: [...kept.values()].filter((k) => !done.has(k.node)),
    notes: [...new Set(parts.flatMap((part) => part.notes))],
    valueMap: new Map(parts.flatMap((part) => [...(part.valueMap ?? [])])),
    load: Object.assign({}, ...parts.map((part) => part.load)),
  };
}
