import { describe, expect, test } from 'vitest';
import { assetModel, outputDifference, runnableModels } from '../../../test/asset-models.ts';
import { raiseOpset } from './raise-opset.ts';

describe.skipIf(runnableModels.length === 0)('real models (skipped without LOWBIT_ASSETS)', () => {
  test.each(runnableModels)('%s computes the same at 21 and 25', async (name) => {
    const before = await assetModel(name);
    for (const target of [21, 25]) {
      const after = before.clone();
      await raiseOpset(after, target);
      expect(after.opset).toBe(target);
      expect(await outputDifference(name, before, after)).toBe(0);
    }
  });
});
