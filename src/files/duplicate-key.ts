/**
 * The first key that an object of a JSON text has twice; undefined when there is none. JSON.parse keeps the last of
 * the two without a word, so two readers could see two different files. The text must be valid JSON.
 */
export function duplicateKey(json: string): string | undefined {
  const objects: (Set<string> | undefined)[] = [];
  for (let at = 0; at < json.length; at++) {
    switch (json[at]) {
      case '{':
        objects.push(new Set());
        break;
      case '[':
        objects.push(undefined);
        break;
      case '}':
      case ']':
        objects.pop();
        break;
      case '"': {
        const end = endOfString(json, at);
        const keys = objects.at(-1);
        if (keys !== undefined && isKey(json, end)) {
          const raw = json.slice(at, end);
          const key: string = raw.includes('\\') ? JSON.parse(raw) : raw.slice(1, -1);
          if (keys.has(key)) return key;
          keys.add(key);
        }
        at = end - 1;
      }
    }
  }
  return undefined;
}

/** Just after the closing quote of the string that opens at `from`. */
function endOfString(json: string, from: number): number {
  for (let at = from + 1; ; at++) {
    if (json[at] === '\\') at++;
    else if (json[at] === '"') return at + 1;
  }
}

/** Whether a colon follows: then the string is a key. */
function isKey(json: string, end: number): boolean {
  let at = end;
  while (json[at] === ' ' || json[at] === '\n' || json[at] === '\r' || json[at] === '\t') at++;
  return json[at] === ':';
}
