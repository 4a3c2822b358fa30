import { expect, test } from 'vitest';
import { parseRecipe } from './recipe.ts';

test('a format where a preset is wanted is told how to write it', () => {
  for (const to of ['nf4', 'nf4/64', 'kmeans4/channel+double'])
    expect(() => parseRecipe({ to })).toThrow(`'format:${to}'`);
});
