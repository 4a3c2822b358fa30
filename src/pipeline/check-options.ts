import { fail, nearest } from '../tensor/index.ts';
import { recipeSchema } from './recipe.ts';

const common = ['runtime', 'threads', 'onEvent', 'signal'];
const limits = ['maxDrop', 'minMetric'];
const recipe = Object.keys(recipeSchema.shape);

/** The options of each public function, and those that it cannot do without. TypeScript knows; JavaScript does not. */
const known = {
  quantize: {
    keys: [
      ...common,
      ...recipe,
      'model',
      'calibrate',
      'evaluate',
      'output',
      'force',
      'dryRun',
      'resume',
      'measure',
    ],
    required: ['model', 'to', 'output'],
  },
  convert: {
    keys: [...common, ...recipe, 'model', 'output', 'force', 'dryRun', 'resume'],
    required: ['model', 'to', 'output'],
  },
  evaluate: {
    keys: [...common, ...limits, 'model', 'data', 'against', 'context', 'metric', 'measure'],
    required: ['model', 'data'],
  },
  compare: { keys: [...common, 'models', 'data', 'measure'], required: ['models'] },
} as const;

const measure = ['batch', 'runs', 'samples', 'memory', 'layers'];

/** @throws recipe/invalid naming every unknown or missing option. */
export function checkOptions(what: keyof typeof known, options: unknown): void {
  if (typeof options !== 'object' || options === null) {
    fail('recipe/invalid', { problems: [`${what} wants an object of options`] });
  }
  const given = options as Readonly<Record<string, unknown>>;
  const { keys, required } = known[what];
  const problems = [
    ...unknownKeys(given, keys, ''),
    ...unknownKeys((given.measure ?? {}) as typeof given, measure, 'measure.'),
    ...required
      .filter((key) => given[key] === undefined && !(key === 'output' && given.dryRun === true))
      .map((key) => `${key}: it is missing`),
  ];
  const { threads } = given;
  if (threads !== undefined && !(Number.isInteger(threads) && (threads as number) >= 1)) {
    problems.push(`threads: ${String(threads)} is no whole number of 1 or more`);
  }
  if (problems.length > 0) fail('recipe/invalid', { problems });
}

function unknownKeys(
  given: Readonly<Record<string, unknown>>,
  keys: readonly string[],
  path: string,
): string[] {
  return Object.keys(given)
    .filter((key) => !keys.includes(key))
    .map((key) => {
      const near = nearest(key, keys);
      const meant = near === undefined ? '' : `did you mean '${path}${near}'? `;
      return `${path}${key}: there is no such option; ${meant}known: ${keys.join(', ')}`;
    });
}
