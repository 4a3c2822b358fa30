/**
 * The text of a JSON object without some of its members and with others at its end. All else stays letter by letter:
 * loaders in Python tell 10000.0 from 10000, which a number in memory does not.
 * `text`: a JSON object that was parsed already.
 */
export function replaceMembers(
  text: string,
  remove: readonly string[],
  add: Readonly<Record<string, unknown>>,
): string {
  const kept = membersOf(text).filter((member) => !remove.includes(JSON.parse(keyOf(member)) as string));
  const added = Object.entries(add).map(
    ([key, value]) =>
      `${JSON.stringify(key)}: ${JSON.stringify(value, undefined, 2).replaceAll('\n', '\n  ')}`,
  );
  return `{\n${[...kept, ...added].map((member) => `  ${member}`).join(',\n')}\n}\n`;
}

const keyOf = (member: string): string => /^"(?:[^"\\]|\\.)*"/.exec(member)![0];

/** `"key": value` of each member of the outermost object, trimmed. */
function membersOf(text: string): string[] {
  const inner = text.slice(text.indexOf('{') + 1, text.lastIndexOf('}'));
  const members: string[] = [];
  let [depth, start] = [0, 0];
  for (const { 0: token, index } of inner.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],]/g)) {
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    else if (token === ',' && depth === 0) {
      members.push(inner.slice(start, index).trim());
      start = index + 1;
    }
  }
  const last = inner.slice(start).trim();
  return last === '' ? members : [...members, last];
}
