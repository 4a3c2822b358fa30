/** Longest text of a file that a message repeats. */
const MAX_LENGTH = 400;

/** A text of a file for a message: a hostile one may be megabytes. */
export const shortened = (text: string): string =>
  text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;

/** A JSON value for a message; lists and objects, which may be deep, by their kind. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  return shortened(JSON.stringify(value) ?? 'nothing');
}

/** The first few names, and how many more there are. */
export function named(names: readonly string[], limit = 8): string {
  const more = names.length - limit;
  return names.slice(0, limit).map(shortened).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
