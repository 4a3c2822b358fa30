import { rowOf, type Step } from './steps.ts';
import { isObject } from './tokenizer-files.ts';
import type { Frame } from './vocabulary.ts';

/** The special tokens that the post-processor of a tokenizer.json puts around one text. */
export function frameOf(steps: readonly Step[]): Frame {
  for (const step of steps) {
    const frame = rowOf(frames, step)?.(step);
    if (frame !== undefined) return frame;
  }
  return { addBos: false, addEos: false };
}

const frames: Readonly<Record<string, (step: Step) => Frame | undefined>> = {
  TemplateProcessing({ single }) {
    if (!Array.isArray(single)) return undefined;
    const at = single.findIndex((item) => isObject(item) && isObject(item.Sequence));
    const idOf = (item: unknown) =>
      isObject(item) && isObject(item.SpecialToken) ? text(item.SpecialToken.id) : undefined;
    const bos = at > 0 ? idOf(single[0]) : undefined;
    const eos = at < single.length - 1 ? idOf(single.at(-1)) : undefined;
    return { addBos: bos !== undefined, addEos: eos !== undefined, bos, eos };
  },
  RobertaProcessing: ends,
  BertProcessing: ends,
};

/** Pairs of a token and its id at both ends. */
function ends({ cls, sep }: Step): Frame {
  const first = (pair: unknown) => (Array.isArray(pair) ? text(pair[0]) : undefined);
  return { addBos: true, addEos: true, bos: first(cls), eos: first(sep) };
}

const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
