import { fail } from '../tensor/index.ts';

/**
 * Checks a location that a model file gave for one of its parts, and gives its path segments. Only plain
 * relative paths with forward slashes pass, so that no file outside the model's folder is ever named.
 * @throws file/unsafe-location for `..`, absolute paths, drive letters, backslashes and control characters.
 */
export function safeLocation(location: string, file: string): string[] {
  const why = reasonAgainst(location);
  if (why !== undefined) fail('file/unsafe-location', { location, file, why });
  return location.split('/').filter((segment) => segment !== '' && segment !== '.');
}

const rules: readonly (readonly [RegExp, string])[] = [
  [/^[./]*$/, 'it names no file'],
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  [/[\u0000-\u001f\u007f]/, 'it holds control characters'],
  [/\\/, 'it holds a backslash'],
  [/^\//, 'it is an absolute path'],
  [/:/, 'it holds a colon (a drive letter, a stream or a URL)'],
  [/(^|\/)\.\.(\/|$)/, "it holds '..'"],
  [/\/$/, 'it names a folder'],
];

function reasonAgainst(location: string): string | undefined {
  return rules.find(([pattern]) => pattern.test(location))?.[1];
}
