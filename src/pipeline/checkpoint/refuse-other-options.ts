import { fail } from '../../tensor/index.ts';
import { type QuantizeOptions, recipeSchema } from '../recipe.ts';

/** What a run that makes a folder or a file of weights reads of a recipe, and why it measures nothing. */
export interface ReadOptions {
  readonly known: readonly ('only' | 'keep')[];
  readonly evaluate: string;
}

/** A folder for other packages. */
const forLoaders: ReadOptions = {
  known: ['keep', 'only'],
  evaluate: 'is run by other packages; convert it to GGUF to measure it here',
};

/** What would be passed over in silence. @throws recipe/invalid */
export function refuseOtherOptions(
  options: Omit<QuantizeOptions, 'calibrate' | 'evaluate'> & Partial<QuantizeOptions>,
  label: string,
  { known, evaluate }: ReadOptions = forLoaders,
): void {
  const given = options as unknown as Readonly<Record<string, unknown>>;
  const read: ReadonlySet<string> = new Set(['version', 'to', ...known]);
  const takes = known.length === 0 ? 'nothing of a recipe' : known.join(' and ');
  const problems = [
    ...Object.keys(recipeSchema.shape)
      .filter((key) => !read.has(key) && given[key] !== undefined)
      .map((key) => `${key}: it is not about ${label}, which takes ${takes}`),
    ...(options.calibrate === undefined ? [] : [`calibrate: ${label} needs no data`]),
    ...(options.evaluate === undefined ? [] : [`evaluate: ${label} ${evaluate}`]),
    ...(options.resume ? [`resume: ${label} is written in one run; start it again without`] : []),
  ];
  if (problems.length > 0) fail('recipe/invalid', { problems });
}
