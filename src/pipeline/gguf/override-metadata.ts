import type { Metadata, MetadataValue } from '../../files/index.ts';
import { fail } from '../../tensor/index.ts';

const integer = /^[+-]?\d+$/;

/** A whole number in the type that llama.cpp gives it, or in a wider one where it does not fit. */
function integerValue(text: string): MetadataValue | undefined {
  if (!integer.test(text)) return undefined;
  const value = BigInt(text);
  if (value >= 0n && value < 2n ** 32n) return { type: 'uint32', value: Number(value) };
  if (value >= -(2n ** 31n) && value < 0n) return { type: 'int32', value: Number(value) };
  if (value >= 0n) return value < 2n ** 64n ? { type: 'uint64', value } : undefined;
  return value >= -(2n ** 63n) ? { type: 'int64', value } : undefined;
}

function floatValue(text: string): MetadataValue | undefined {
  const value = Number(text);
  return text.trim() === '' || Number.isNaN(value)
    ? undefined
    : { type: 'float32', value: Math.fround(value) };
}

/** How the text after 'int:' and its like becomes a value; undefined when it is none. */
const parsers: Readonly<Record<string, (text: string) => MetadataValue | undefined>> = {
  int: integerValue,
  float: floatValue,
  bool: (text) =>
    text === 'true' || text === 'false' ? { type: 'bool', value: text === 'true' } : undefined,
  str: (value) => ({ type: 'string', value }),
};

/** One value from 'int:4096'. @throws recipe/invalid */
function parseOverride(key: string, text: string): MetadataValue {
  const [, type = '', rest = ''] = /^(\w+):([\s\S]*)$/.exec(text) ?? [];
  const value = Object.hasOwn(parsers, type) ? parsers[type]!(rest) : undefined;
  if (value === undefined) {
    const wanted = Object.keys(parsers).map((name) => `${name}:<value>`);
    fail('recipe/invalid', {
      problems: [
        `overrideKv: '${key}=${text}' is no override; wanted ${key}= and one of ${wanted.join(', ')}`,
      ],
    });
  }
  return value;
}

/** Metadata values from a recipe's key -> 'type:value'. @throws recipe/invalid */
export const parseOverrides = (overrides: Readonly<Record<string, string>>): [string, MetadataValue][] =>
  Object.entries(overrides).map(([key, text]) => [key, parseOverride(key, text)]);

/** Sets keys as ggml does: one that is there already goes to the end. */
export function withEntries(
  metadata: Metadata,
  entries: Iterable<readonly [string, MetadataValue]>,
): Metadata {
  const result = new Map(metadata);
  for (const [key, value] of entries) {
    result.delete(key);
    result.set(key, value);
  }
  return result;
}
