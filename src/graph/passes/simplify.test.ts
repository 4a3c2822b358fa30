import { describe, expect, test } from 'vitest';
import { assetModel, outputDifference, runnableModels } from '../../../test/asset-models.ts';
import { simplify } from './simplify.ts';

/** Folding rounds once more per weight: relative to the largest output. */
const tolerance = 1e-5;

describe.skipIf(runnableModels.length === 0)('real models (skipped without LOWBIT_ASSETS)', () => {
  test.each(runnableModels)('%s computes the same', async (name) => {
    const before = await assetModel(name);
    const after = before.clone();
    await simplify(after);
    expect(await outputDifference(name, before, after)).toBeLessThan(tolerance);
    expect([...after.graph.nodes].map((n) => n.kind)).not.toContain('BatchNormalization');
    expect(after.graph.inputs.map((i) => i.name)).toEqual(
      before.graph.inputs.map((i) => i.name).filter((i) => !before.graph.initializers.has(i)),
    );
    expect(after.graph.outputs).toEqual(before.graph.outputs);
    expect((await simplify(after)).changes).toBe(0);
  });
});
