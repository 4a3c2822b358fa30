import { describe, expect, test } from 'vitest';
import { assetModel, outputDifference, runnableModels } from '../../../test/asset-models.ts';
import { simplify } from './simplify.ts';

/** Folding rounds once more per weight: relative to the largest output. */
const tolerance = 1e-5;

describe.skipIf(runnableModels.length === 0)('real models (skipped without LOWBIT_ASSETS)', () => {
  test.each(runnableModels)('%s computes the same', async (name) => {
    const before = await assetModel(name);
    const after = before.clone();
    const { changes } = await simplify(after);
    console.log(
      name,
      changes,
      before.graph.nodes.size,
      after.graph.nodes.size,
      await outputDifference(name, before, after),
    );
    expect((await simplify(after)).changes).toBe(0);
  });
});
