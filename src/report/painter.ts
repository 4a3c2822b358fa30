import colors from 'picocolors';
import type { Paint } from './measurement-columns.ts';

/** Colours by meaning. Without colour every style is the text itself. */
export interface Painter {
  readonly bold: (text: string) => string;
  readonly faint: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly tone: Paint;
}

export function painter(color: boolean): Painter {
  const { bold, dim, green, red, yellow } = colors.createColors(color);
  const tones = { good: green, bad: red, faint: dim, plain: (text: string) => text };
  return { bold, faint: dim, good: green, bad: red, warn: yellow, tone: (text, tone) => tones[tone](text) };
}
