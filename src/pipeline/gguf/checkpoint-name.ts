import type { Siblings } from '../../files/index.ts';
import { readCompanion } from '../layout.ts';

/**
 * `general.name` of a Hugging Face folder as llama.cpp's converter finds it: `name` or `model_name` of the model card,
 * `_name_or_path` of config.json where that is a model's name and no path, the name of the folder. undefined where none
 * of them says anything. Source: gguf-py/gguf/metadata.py of llama.cpp.
 */
export async function checkpointName(folder: string, files: Siblings): Promise<string | undefined> {
  const read = async (name: string) => {
    const bytes = await readCompanion(files, name);
    return bytes === undefined ? '' : new TextDecoder().decode(bytes);
  };
  const carded = cardName(await read('README.md'));
  if (carded !== undefined) return carded;
  const id = /"_name_or_path"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(await read('config.json'))?.[1];
  const saved = id === undefined ? '' : (JSON.parse(id) as string);
  if (saved !== '' && saved.split('/').length <= 2) {
    const named = titled(saved.includes(' ') ? saved : saved.replace(/^[^/]*\//, ''));
    if (named !== '') return named;
  }
  const parts = folder.replace(/[?#].*$/, '').split(/[/\\]/);
  const last = parts.findLast((part) => part !== '' && part !== '.' && part !== '..');
  return last === undefined ? undefined : titled(last) || undefined;
}

/** A plain value of the front matter's first level; others would need all of YAML. */
function cardName(card: string): string | undefined {
  const front = /^---\r?\n([\s\S]*?)\r?\n---(?:\r?\n|$)/.exec(card)?.[1] ?? '';
  for (const key of ['name', 'model_name']) {
    const value = new RegExp(`^${key}:[ \\t]+(.*)$`, 'm').exec(front)?.[1]?.trim() ?? '';
    const [, double, single] = /^(?:"([^"\\]+)"|'([^']+)')$/.exec(value) ?? [];
    const quoted = double ?? single;
    if (quoted !== undefined) return quoted;
    if (/^[A-Za-z][\w .+/-]*$/.test(value)) return value;
  }
  return undefined;
}

/** 'Tiny Llama 1.1B' of 'tiny-llama-1.1B': words in lower case get a capital, versions and sizes stay. */
const titled = (id: string): string =>
  id
    .replaceAll('-', ' ')
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) =>
      word === word.toLowerCase() && word !== word.toUpperCase() && !/^(v\d+(\.\d+)*$|\d)/.test(word)
        ? word.replaceAll(/[a-z]+/g, (letters) => letters[0]!.toUpperCase() + letters.slice(1))
        : word,
    )
    .join(' ');
