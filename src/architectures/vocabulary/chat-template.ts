import type { MetadataValue } from '../../files/index.ts';
import { isObject, type JsonObject, type TokenizerFiles } from './tokenizer-files.ts';

/**
 * The chat templates of a folder: a file of its own before the one in tokenizer_config.json, as transformers has it.
 * Named templates keep their names; 'default' is the one that is used.
 * @throws vocabulary/malformed, vocabulary/too-large
 */
export async function chatTemplates(
  files: TokenizerFiles,
  tokenizerConfig: JsonObject,
): Promise<[string, MetadataValue][]> {
  const plain = await files.text('chat_template.jinja');
  if (plain !== undefined) return templateKeys(plain);
  const json = await files.json('chat_template.json');
  return templateKeys(json?.chat_template ?? tokenizerConfig.chat_template);
}

const key = 'tokenizer.chat_template';

function templateKeys(value: unknown): [string, MetadataValue][] {
  if (typeof value === 'string') return [[key, text(value)]];
  const named = namedTemplates(value);
  const others = [...named.keys()].filter((name) => name !== 'default');
  const keys: [string, MetadataValue][] = others.map((name) => [`${key}.${name}`, text(named.get(name)!)]);
  if (others.length > 0) keys.push([`${key}s`, { type: 'array', of: 'string', value: others }]);
  const main = named.get('default');
  if (main !== undefined) keys.push([key, text(main)]);
  return keys;
}

/** A list of {name, template}, or an object from names to templates; names of letters, digits and underscores. */
function namedTemplates(value: unknown): Map<string, string> {
  const pairs = Array.isArray(value)
    ? value.filter(isObject).map((item) => [item.name, item.template])
    : Object.entries(isObject(value) ? value : {});
  const named = new Map<string, string>();
  for (const [name, template] of pairs) {
    if (typeof name !== 'string' || name === '' || typeof template !== 'string') continue;
    named.set(name.replaceAll(/[^A-Za-z0-9]/g, '_'), template);
  }
  return named;
}

const text = (value: string): MetadataValue => ({ type: 'string', value });
