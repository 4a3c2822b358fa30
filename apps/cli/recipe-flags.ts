import { ggufRecipeKeys, recipeSchema } from 'lowbit';
import { fail, nearest } from 'lowbit/tensor';
import { z } from 'zod';
import type { Flag, Flags } from './flags.ts';
import type { ParsedFlags } from './parse-flags.ts';

/** The recipe's JSON Schema says all a flag needs: its name, type, choices and what it means. */
interface Property {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly anyOf?: readonly { readonly type?: string; readonly const?: number }[];
  readonly description?: string;
  readonly default?: unknown;
}

const properties = (z.toJSONSchema(recipeSchema, { io: 'input' }) as { properties: Record<string, Property> })
  .properties;

/** Recipe keys whose flag is called otherwise, or that are no flags. */
const flagNames: Readonly<Record<string, string | undefined>> = {
  overrides: 'override',
  tensorTypes: 'tensor-type',
  version: undefined,
};

const flagNameOf = (key: string): string | undefined =>
  key in flagNames ? flagNames[key] : key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const hints: Readonly<Record<string, string>> = {
  to: 'preset,...',
  observer: 'name',
  keep: 'pattern',
  only: 'pattern',
  override: 'pattern=preset',
  'calibration-samples': 'n',
  'tensor-type': 'pattern=type',
  'output-tensor-type': 'type',
  'token-embedding-type': 'type',
  'override-kv': 'key=type:value',
  'split-max-size': 'size',
  imatrix: 'file',
  'max-drop': 'n%',
  'min-metric': 'limit',
};

const groups: Readonly<Record<string, string>> = {
  'max-drop': 'Limits',
  'min-metric': 'Limits',
  ...Object.fromEntries(ggufRecipeKeys.map((key) => [flagNameOf(key)!, 'GGUF'])),
};

/** One flag per key of the recipe: a new key has its flag without a line here. */
export const recipeFlags: Flags = {
  ...Object.fromEntries(
    Object.entries(properties).flatMap(([key, property]): [string, Flag][] => {
      const name = flagNameOf(key);
      return name === undefined ? [] : [[name, flagOf(name, property)]];
    }),
  ),
  asymmetric: {
    type: 'boolean',
    negates: 'symmetric',
    description: 'Weight-only: with zero points.',
    group: 'Recipe',
  },
};

function flagOf(name: string, property: Property): Flag {
  const { type, anyOf, description = '' } = property;
  const choices =
    property.enum ??
    anyOf
      ?.map((a) => a.const)
      .filter((c) => c !== undefined)
      .map(String);
  const group = groups[name] ?? 'Recipe';
  // Under a heading that says so, what it is about need not be said again.
  const said = group === 'GGUF' ? capitalized(description.replace(/^GGUF: /, '')) : description;
  const shared = { description: withDefault(said, property.default), group };
  if (type === 'boolean') return { type: 'boolean', ...shared };
  if (choices !== undefined && choices.length > 0) return { type: 'enum', options: [...choices], ...shared };
  const list = type === 'array' || anyOf?.some((a) => a.type === 'array') === true;
  const valueHint = hints[name] ?? 'value';
  return {
    type: 'string',
    valueHint,
    list,
    repeat: type === 'object',
    number: type === 'integer',
    ...shared,
  };
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function withDefault(description: string, value: unknown): string {
  const plain = typeof value === 'string' || typeof value === 'number';
  return plain ? `${description} Default ${value}.` : description;
}

/** The flags that concern GGUF files alone, and the recipe's `to`. */
export const ggufFlags: Flags = Object.fromEntries(
  ['to', ...ggufRecipeKeys].map((key) => {
    const name = flagNameOf(key)!;
    return [name, recipeFlags[name]!];
  }),
);

/** The recipe in a file. @throws recipe/invalid for what is no object and for unknown keys. */
export function recipeIn(value: unknown, file: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    fail('recipe/invalid', { problems: [`${file} is no recipe: wanted an object such as {"to": "int8"}`] });
  }
  const problems = Object.keys(value)
    .filter((key) => !Object.hasOwn(properties, key))
    .map((key) => {
      const near = nearest(key, Object.keys(properties));
      return `unknown key '${key}' in ${file}${near === undefined ? '' : `; did you mean '${near}'?`}`;
    });
  if (problems.length > 0) fail('recipe/invalid', { problems });
  return value as Record<string, unknown>;
}

/** The recipe that the flags spell, over the one of `--recipe`. The library checks it. */
export function recipeFrom(
  flags: ParsedFlags,
  file: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const recipe: Record<string, unknown> = { ...file };
  for (const [key, property] of Object.entries(properties)) {
    const name = flagNameOf(key);
    if (name !== undefined && flags.has(name)) recipe[key] = given(flags, name, property);
  }
  return recipe;
}

function given(flags: ParsedFlags, name: string, property: Property): unknown {
  const flag = recipeFlags[name]!;
  if (flag.type === 'boolean') return flags.boolean(name);
  if (property.type === 'object') {
    return Object.fromEntries(
      flags.list(name)!.map((pair) => {
        // A pattern may hold '=', and so may a scheme; a metadata key does not but its value may.
        const scheme = pair.indexOf('=format:');
        const last = scheme > 0 ? scheme : pair.lastIndexOf('=');
        const at = name === 'override' ? last : pair.indexOf('=');
        if (at < 1 || at === pair.length - 1) {
          fail('flag/value', { flag: `--${name}`, got: `'${pair}'`, wanted: hints[name] ?? 'name=value' });
        }
        return [pair.slice(0, at), pair.slice(at + 1)];
      }),
    );
  }
  if (flag.list) return flags.list(name);
  if (flag.number || property.anyOf?.some((a) => typeof a.const === 'number')) return flags.number(name);
  return flags.text(name);
}
