import { fail } from '../../tensor/index.ts';
import { shortened, shown } from './shown.ts';
import { isObject, type JsonObject } from './tokenizer-files.ts';

/** One normalizer, pre-tokenizer or post-processor of a tokenizer.json: its type and its settings. */
export type Step = JsonObject & { readonly type: string };

/** Sequences inside sequences; real ones nest once. */
const MAX_DEPTH = 8;

const listKeys = ['normalizers', 'pretokenizers', 'processors', 'decoders'];

/**
 * The steps that a part of tokenizer.json stands for, sequences opened up: none for null.
 * @throws vocabulary/malformed, vocabulary/too-large
 */
export function stepsOf(value: unknown, file: string, part: string, depth = 0): Step[] {
  if (value === null || value === undefined) return [];
  if (depth > MAX_DEPTH) {
    fail('vocabulary/too-large', { file, what: `the nesting of its ${part}`, got: depth, limit: MAX_DEPTH });
  }
  if (!isObject(value) || typeof value.type !== 'string') {
    fail('vocabulary/malformed', { file, what: `its ${part} has a step without a type` });
  }
  if (value.type !== 'Sequence') return [value as Step];
  const list = listKeys.map((key) => value[key]).find((steps) => steps !== undefined);
  if (!Array.isArray(list)) {
    fail('vocabulary/malformed', { file, what: `a Sequence of its ${part} lists no steps` });
  }
  return list.flatMap((step) => stepsOf(step, file, part, depth + 1));
}

/** A step as a person reads it: its type, and what sets it apart. */
export function describeStep(step: Step): string {
  const pattern = patternOf(step);
  const settings = Object.entries(step).flatMap(([key, value]) =>
    ['type', 'pattern', 'trim_offsets'].includes(key) || isObject(value) || typeof value === 'object'
      ? []
      : `${key}=${shown(value)}`,
  );
  const said = pattern === undefined ? settings : [`/${shortened(pattern.text)}/`, ...settings];
  return said.length === 0 ? step.type : `${step.type}(${said.join(', ')})`;
}

/** The row of a step's type; a file may name a type as it likes. */
export const rowOf = <T>(table: Readonly<Record<string, T>>, step: Step): T | undefined =>
  Object.hasOwn(table, step.type) ? table[step.type] : undefined;

/** The pattern of a Split or a Replace: plain text, or a regular expression. */
export function patternOf(step: Step): { readonly text: string; readonly regex: boolean } | undefined {
  const { pattern } = step;
  if (typeof pattern === 'string') return { text: pattern, regex: false };
  if (!isObject(pattern)) return undefined;
  if (typeof pattern.Regex === 'string') return { text: pattern.Regex, regex: true };
  return typeof pattern.String === 'string' ? { text: pattern.String, regex: false } : undefined;
}
