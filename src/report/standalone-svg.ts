/**
 * What ECharts renders, as a picture that stands alone: with a title for readers that cannot see it, and without the
 * style and class names of a pointer that hovers, which are numbered by the process and would differ between two
 * equal pictures.
 */
export function standaloneSvg(rendered: string, title: string): string {
  return rendered
    .replace(/<style\s*>.*?<\/style>\s*/gs, '')
    .replace(/ (?:class="zr\d+-cls-\d+"|pointer-events="visible")/g, '')
    .replace(/\bzr\d+-/g, 'chart-')
    .replace(/^(<svg [^>]*>)/, (tag) => `${tag}\n<title>${escaped(title)}</title>`)
    .trimEnd()
    .concat('\n');
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
const escaped = (text: string): string => text.replace(/[&<>]/g, (letter) => entities[letter]!);
