/** Names and keys of models that are split over several files, as llama.cpp has them. */

export const SPLIT_NO = 'split.no';
export const SPLIT_COUNT = 'split.count';
export const SPLIT_TENSORS = 'split.tensors.count';

export const splitKeys: ReadonlySet<string> = new Set([SPLIT_NO, SPLIT_COUNT, SPLIT_TENSORS]);

const five = (n: number) => String(n).padStart(5, '0');

/** `model-00001-of-00003.gguf` for the first (index 0) of three. */
export const shardName = (prefix: string, index: number, count: number): string =>
  `${prefix}-${five(index + 1)}-of-${five(count)}.gguf`;

/** Takes such a name apart; of a path or a URL the last segment counts. Undefined for other names. */
export function parseShardName(
  name: string,
): { readonly prefix: string; readonly index: number; readonly count: number } | undefined {
  const match = /^(.*)-(\d{5,})-of-(\d{5,})\.gguf$/.exec(baseName(name));
  if (match === null) return undefined;
  const [, prefix = '', number, total] = match;
  const index = Number(number) - 1;
  const count = Number(total);
  return index >= 0 && index < count ? { prefix, index, count } : undefined;
}

function baseName(name: string): string {
  const isUrl = name.includes('://') && URL.canParse(name);
  const path = isUrl ? new URL(name).pathname : name;
  const last = path.split(/[/\\]/).at(-1) ?? '';
  try {
    return isUrl ? decodeURIComponent(last) : last;
  } catch {
    return last;
  }
}
