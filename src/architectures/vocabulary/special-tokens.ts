import { named } from './shown.ts';
import type { TokenList } from './token-list.ts';
import { isObject, type JsonObject } from './tokenizer-files.ts';
import type { TokenizerContent } from './vocabulary.ts';

/** The JSON files of a folder that name special tokens; absent ones are empty. */
export interface SpecialSources {
  readonly tokenizerConfig: JsonObject;
  readonly specialTokensMap: JsonObject;
  readonly config: JsonObject;
  readonly generationConfig: JsonObject;
}

/** What a special token is for, the key of its id, and the texts it is known by, best first. */
const roles = {
  bos: { key: 'bos_token_id', texts: [] },
  eos: { key: 'eos_token_id', texts: [] },
  eot: {
    key: 'eot_token_id',
    texts: [
      '<|eot_id|>',
      '<|im_end|>',
      '<|end|>',
      '<end_of_turn>',
      '<EOT>',
      '_<EOT>',
      '[EOT]',
      '<end_of_utterance>',
      '<|endoftext|>',
      '<|end_of_text|>',
      '<｜end▁of▁sentence｜>',
    ],
  },
  eom: { key: 'eom_token_id', texts: ['<|eom_id|>'] },
  unk: { key: 'unknown_token_id', texts: [] },
  // llama.cpp's own spelling.
  sep: { key: 'seperator_token_id', texts: [] },
  pad: { key: 'padding_token_id', texts: [] },
  mask: { key: 'mask_token_id', texts: [] },
  fimPrefix: {
    key: 'fim_pre_token_id',
    texts: ['<|fim_prefix|>', '<fim-prefix>', '<fim_prefix>', '<｜fim▁begin｜>', '<PRE>', '▁<PRE>'],
  },
  fimSuffix: {
    key: 'fim_suf_token_id',
    texts: ['<|fim_suffix|>', '<fim-suffix>', '<fim_suffix>', '<｜fim▁hole｜>', '<SUF>', '▁<SUF>'],
  },
  fimMiddle: {
    key: 'fim_mid_token_id',
    texts: ['<|fim_middle|>', '<fim-middle>', '<fim_middle>', '<｜fim▁end｜>', '<MID>', '▁<MID>'],
  },
  fimPad: { key: 'fim_pad_token_id', texts: ['<|fim_pad|>', '<fim-pad>', '<fim_pad>'] },
  fimRepo: {
    key: 'fim_rep_token_id',
    texts: ['<|fim_repo|>', '<|repo_name|>', '<fim-repo>', '<REPO>', '<reponame>'],
  },
  fimSeparator: { key: 'fim_sep_token_id', texts: ['<|file_sep|>'] },
} as const;

export type Role = keyof typeof roles;

/** Names in the JSON files: `bos_token`, `bos_token_id`. */
const declared = ['bos', 'eos', 'unk', 'sep', 'pad', 'mask'] as const;

/** Where an encoder's name for the same place stands in. */
const standIns: Readonly<Partial<Record<Role, string>>> = { bos: 'cls', eos: 'sep' };

/** Ids of special tokens by role, as far as the folder tells. */
export function specialTokens(
  { tokens, specials, frame }: TokenizerContent,
  sources: SpecialSources,
  onNote: (note: string) => void,
): Map<Role, number> {
  const found = new Map<Role, number>();
  for (const role of declared) {
    const id = declaredId(role, tokens, sources) ?? (role in specials ? specials[role as 'bos'] : undefined);
    if (id !== undefined && tokens.typeOf(id) !== undefined) found.set(role, id);
  }
  // What the tokenizer itself puts around a text is what these roles are.
  for (const role of ['bos', 'eos'] as const) {
    const text = frame[role];
    const id = text === undefined ? undefined : tokens.idOf(text);
    if (id === undefined || found.get(role) === id) continue;
    const said = found.get(role);
    if (said !== undefined) {
      const where = role === 'bos' ? 'before' : 'after';
      onNote(
        `The tokenizer puts '${text}' ${where} a text, not '${tokens.textOf(said)}'; it becomes the ${role} token.`,
      );
      if (role === 'eos') found.set('eot', said);
    }
    found.set(role, id);
  }
  for (const [role, { texts }] of Object.entries(roles) as [Role, (typeof roles)[Role]][]) {
    if (found.has(role)) continue;
    const id = texts.map((text) => tokens.idOf(text)).find((at) => at !== undefined);
    if (id !== undefined && isSpecial(tokens, id)) found.set(role, id);
  }
  // Further ends of a generation, as far as llama.cpp does not know them by their text.
  const ends = endIds(sources).filter((id) => {
    const text = tokens.textOf(id);
    return text !== undefined && (!found.has('eos') || !knownEnds.has(text));
  });
  for (const role of ['eos', 'eot', 'eom'] as const) {
    const taken = [...found].filter(([other]) => ['eos', 'eot', 'eom'].includes(other)).map(([, id]) => id);
    const id = ends.find((end) => !taken.includes(end));
    if (!found.has(role) && id !== undefined) found.set(role, id);
  }
  return new Map([...roleNames].flatMap((role) => (found.has(role) ? [[role, found.get(role)!]] : [])));
}

const roleNames = Object.keys(roles) as Role[];

export const specialKey = (role: Role) => `tokenizer.ggml.${roles[role].key}`;

/** Further texts of tokens that llama.cpp makes special and ends a text at, whatever their type. */
const endTexts = [
  ...['<|return|>', '<|call|>', '<|flush|>', '<|calls|>', '</s>', '[EOS]', '<eos>', '<turn|>'],
  ...['<|tool_response>', '[e~['],
];

const knownEnds: ReadonlySet<string> = new Set([...roles.eot.texts, ...roles.eom.texts, ...endTexts]);

/** Says which trained tokens llama.cpp takes for special ones by their text. */
export function noteLookalikes(tokens: TokenList, onNote: (note: string) => void): void {
  const known = [...Object.values(roles).flatMap(({ texts }): readonly string[] => texts), ...endTexts];
  const those = known.filter((text) => {
    const id = tokens.idOf(text);
    return id !== undefined && tokens.typeOf(id) === 'normal';
  });
  if (those.length > 0) {
    onNote(`llama.cpp takes trained tokens for special ones by their text: ${named(those)}.`);
  }
}

/** Trained tokens that only look like one are not: CodeLlama's ▁<PRE> are known by their whole text. */
const isSpecial = (tokens: TokenList, id: number) =>
  tokens.typeOf(id) !== 'normal' || tokens.textOf(id)!.startsWith('▁<');

/** By text in the tokenizer's own files, then by id in the model's. */
function declaredId(role: Role, tokens: TokenList, sources: SpecialSources): number | undefined {
  const names = [role, standIns[role]].filter((name) => name !== undefined);
  for (const name of names) {
    for (const source of [sources.tokenizerConfig, sources.specialTokensMap]) {
      const text = tokenText(source[`${name}_token`]);
      const id = text === undefined ? undefined : tokens.idOf(text);
      if (id !== undefined) return id;
    }
  }
  for (const source of modelSources(sources)) {
    const value = source[`${role}_token_id`];
    const id = Array.isArray(value) ? value[0] : value;
    if (typeof id === 'number') return id;
  }
  return undefined;
}

/** Every id that ends a generation. */
const endIds = (sources: SpecialSources) =>
  modelSources(sources)
    .flatMap((source) => source.eos_token_id)
    .filter((id) => typeof id === 'number');

function modelSources({ config, generationConfig }: SpecialSources): JsonObject[] {
  const text = config.text_config;
  return [config, ...(isObject(text) ? [text] : []), generationConfig];
}

const tokenText = (value: unknown) =>
  typeof value === 'string'
    ? value
    : isObject(value) && typeof value.content === 'string'
      ? value.content
      : undefined;
