import { fail } from '../../tensor/index.ts';
import { type QuantizeOptions, recipeSchema } from '../recipe.ts';

/** Keys of a recipe that a folder for other loaders knows. */
const known: ReadonlySet<string> = new Set(['version', 'to', 'only', 'keep']);

/** What would be passed over in silence. @throws recipe/invalid */
export function refuseOtherOptions(options: QuantizeOptions, label: string): void {
  const given = options as unknown as Readonly<Record<string, unknown>>;
  const problems = [
    ...Object.keys(recipeSchema.shape)
      .filter((key) => !known.has(key) && given[key] !== undefined)
      .map((key) => `${key}: it is not about ${label}, which takes keep and only`),
    ...(options.calibrate === undefined ? [] : [`calibrate: ${label} needs no data`]),
    ...(options.evaluate === undefined
      ? []
      : [`evaluate: ${label} is run by other packages; convert it to GGUF to measure it here`]),
    ...(options.resume ? [`resume: a folder of ${label} is written in one run; start it again without`] : []),
  ];
  if (problems.length > 0) fail('recipe/invalid', { problems });
}
