import { fail, lookUp } from '../tensor/index.ts';
import type { CompositeScheme, DoubleQuantization, OutlierChoice } from './composite/composite.ts';
import { formatNamed } from './formats/format-named.ts';
import { type FormatName, formats } from './formats/formats.ts';
import type { NumberFormat } from './formats/number-format.ts';
import type { SchemeOption } from './formats/scheme-options.ts';
import { type Granularity, perBlock, perChannel, perGroup, perTensor, perToken } from './granularity.ts';
import { type RangeSearch, ranges } from './ranges.ts';
import type { RangeChoice, Rounding, ScaleType } from './scheme.ts';

/** A granularity before a tensor is known: which axis is meant is the operator's business. */
export type GranularityTemplate =
  | { readonly kind: 'per-tensor' | 'per-channel' | 'per-token' }
  | { readonly kind: 'per-group'; readonly size: number }
  | { readonly kind: 'per-block'; readonly size: readonly [rows: number, columns: number] };

/** What a text such as `nf4/64+double` asks for. */
export interface SchemeRequest {
  readonly format: FormatName;
  readonly granularity: GranularityTemplate;
  readonly choice: RangeChoice;
  /** How ranges are found; the format's own way when absent. */
  readonly range?: RangeSearch;
  readonly double?: DoubleQuantization;
  readonly outliers?: OutlierChoice;
  readonly lowRank?: { readonly rank: number };
  /** Codes are stored entropy-coded. */
  readonly entropy: boolean;
}

type Draft = {
  choice: { -readonly [K in keyof RangeChoice]: RangeChoice[K] };
  range?: RangeSearch;
  double?: DoubleQuantization;
  outliers?: OutlierChoice;
  lowRank?: { rank: number };
  entropy: boolean;
};

const scaleTypes = {
  float32: 0,
  float16: 0,
  bfloat16: 0,
  float8e8m0: 0,
  float8e4m3fn: 0,
  float8e5m2: 0,
} as const satisfies Record<ScaleType, 0>;
const roundings = { 'half-even': 0, 'half-away': 0, stochastic: 0 } as const satisfies Record<Rounding, 0>;

/** `key` or `key=value` behind the colon. */
const options: Readonly<Record<string, (draft: Draft, value: string) => boolean | undefined>> = {
  symmetric: (d) => (d.choice.symmetric = true),
  asymmetric: (d) => !(d.choice.symmetric = false),
  restricted: (d) => (d.choice.restricted = true),
  reduced: (d) => (d.choice.reduced = true),
  pot: (d) => (d.choice.powerOfTwo = true),
  range: (d, value) => Boolean((d.range = named('range', ranges, value))),
  scale: (d, value) => Boolean((d.choice.scaleType = named('scale type', scaleTypes, value))),
  rounding: (d, value) => Boolean((d.choice.rounding = named('rounding', roundings, value))),
  seed: (d, value) => value !== '' && Number.isInteger((d.choice.seed = Number(value))),
  zero: (d, value) => Boolean((d.choice.zero = named('zero point', { integer: 0, real: 0 }, value))),
};

/** What an option sets. */
const sets: Readonly<Record<string, SchemeOption>> = {
  symmetric: 'symmetric',
  asymmetric: 'symmetric',
  restricted: 'restricted',
  reduced: 'reduced',
  pot: 'powerOfTwo',
  range: 'range',
  scale: 'scaleType',
  rounding: 'rounding',
  seed: 'seed',
  zero: 'zero',
};

/** What parts set that share it; others set what they are called. */
const partSets: Readonly<Record<string, string>> = {
  sensitive: 'outliers',
  columns: 'outliers',
};

/** `part` or `part=value` behind a plus. */
const parts: Readonly<Record<string, (draft: Draft, value: string) => boolean | undefined>> = {
  double: (d, value) => {
    d.double = doubleOf(value);
    return d.double !== undefined;
  },
  outliers: (d, value) => {
    const part = share(value);
    const deviations = /^(\d+(?:\.\d+)?)sd$/.exec(value)?.[1];
    if (part !== undefined) d.outliers = { by: 'count', part };
    else if (deviations !== undefined) d.outliers = { by: 'threshold', deviations: Number(deviations) };
    return d.outliers !== undefined;
  },
  sensitive: (d, value) => {
    const part = share(value);
    if (part !== undefined) d.outliers = { by: 'sensitivity', part };
    return part !== undefined;
  },
  columns: (d, value) => {
    const magnitude = Number(value || 6);
    d.outliers = { by: 'column', magnitude };
    return magnitude > 0;
  },
  lowrank: (d, value) => {
    const rank = Number(value);
    d.lowRank = { rank };
    return Number.isInteger(rank) && rank > 0;
  },
  rans: (d) => (d.entropy = true),
};

/** What a value looks like; names without a row take none, those of tables are told by `lookUp`. */
const valueForms: Readonly<Record<string, string>> = {
  seed: 'seed=7',
  double: 'double, or double=int8/256:keepmean:asymmetric (a format, a block size)',
  outliers: 'outliers=0.5% or outliers=3sd',
  sensitive: 'sensitive=0.5%',
  columns: 'columns or columns=6',
  lowrank: 'lowrank=8',
};
const fromTables: ReadonlySet<string> = new Set(['range', 'scale', 'rounding', 'zero']);

/** Scales of scales as QLoRA has them. */
const qloraScales: DoubleQuantization = { format: 'dynamic8' as FormatName, block: 256, removeMean: true };

/** `format/block` with `:keepmean` and `:asymmetric` behind it; as QLoRA has it where nothing is said. */
function doubleOf(text: string): DoubleQuantization | undefined {
  if (text === '') return qloraScales;
  const [head = '', ...said] = text.split(':');
  const [name = '', size = String(qloraScales.block)] = head.split('/');
  const block = Number(size);
  if (name === '' || head.split('/').length > 2 || !Number.isInteger(block) || block < 1) return undefined;
  if (said.some((word) => word !== 'keepmean' && word !== 'asymmetric')) return undefined;
  return {
    format: formatNamed(name),
    block,
    removeMean: !said.includes('keepmean'),
    ...(said.includes('asymmetric') && { symmetric: false }),
  };
}

function doubleText({ format, block, removeMean, symmetric = true }: DoubleQuantization): string {
  const said = `${format}/${block}${removeMean ? '' : ':keepmean'}${symmetric ? '' : ':asymmetric'}`;
  return said === `${qloraScales.format}/${qloraScales.block}` ? 'double' : `double=${said}`;
}

/**
 * Reads a scheme: `format[/granularity][:option,...][+part...]`.
 * Granularity: `tensor`, `channel`, `token`, a group size, or `rows x columns` as `128x128`; where none is given,
 * one learned book for the tensor, groups of 64 up to 4 bits and channels above. Options: symmetric, asymmetric, restricted, reduced, pot, range=,
 * scale=, rounding=, seed=, zero=. Parts: double, double=int8/64:keepmean, outliers=0.5%, outliers=3sd, sensitive=0.5%, columns=6,
 * lowrank=8, rans.
 *
 * @example parseScheme('int4/128:asymmetric,range=hqq+outliers=0.5%')
 * @throws scheme/text; name/unknown
 */
export function parseScheme(text: string): SchemeRequest {
  const found = /^([a-z0-9_]+)(?:\/([a-z0-9=]+))?(?::([a-z0-9=.,-]+))?((?:\+[a-z]+(?:=[^+]*)?)*)$/.exec(
    text.trim().toLowerCase(),
  );
  if (!found)
    return fail('scheme/text', { text, what: 'it is not of the form format/granularity:options+parts' });
  const [, name = '', where, optionText, partText] = found;
  const format = formatNamed(name);
  const draft: Draft = { choice: { symmetric: true }, entropy: false };
  const said = new Map<string, string>();
  const apply = (table: typeof options, kind: string, entry: string) => {
    const [key = '', value, ...more] = entry.split('=');
    lookUp(kind, table, key);
    const slot = (table === options ? sets : partSets)[key] ?? key;
    const before = said.get(slot);
    if (before !== undefined)
      fail('scheme/text', {
        text,
        what: `'${before}' and '${entry}' say the same thing twice; leave one out`,
      });
    said.set(slot, entry);
    const form = valueForms[key];
    if (value !== undefined && form === undefined && !fromTables.has(key))
      fail('scheme/text', { text, what: `'${key}' takes no value, and '${entry}' gives one` });
    const sound = (value !== '' || fromTables.has(key)) && more.length === 0;
    if (!sound || table[key]!(draft, value ?? '') === false)
      fail('scheme/text', {
        text,
        what: `'${entry}' has no value that makes sense${form === undefined ? '' : `; wanted ${form}`}`,
      });
  };
  for (const entry of optionText?.split(',') ?? []) apply(options, 'option of a scheme', entry);
  for (const entry of partText?.split('+').slice(1) ?? []) apply(parts, 'part of a scheme', entry);
  checkRead(text, formats[format], draft);
  return { format, granularity: granularityOf(text, formats[format], where), ...draft };
}

/** Options that would change nothing are refused: the name of a file must not promise them. */
function checkRead(text: string, row: NumberFormat, { choice, range }: Draft): void {
  const refuse = (what: string) => fail('scheme/text', { text, what });
  const reads = (option: SchemeOption) => row.reads.includes(option);
  const known = Object.keys(options).filter((option) => option === 'symmetric' || reads(sets[option]!));
  const given: readonly (readonly [said: boolean, option: string])[] = [
    [!choice.symmetric, 'asymmetric'],
    [choice.restricted === true, 'restricted'],
    [choice.reduced === true, 'reduced'],
    [choice.powerOfTwo === true, 'pot'],
    [range !== undefined, 'range'],
    [choice.scaleType !== undefined, 'scale'],
    [choice.rounding !== undefined, 'rounding'],
    [choice.seed !== undefined, 'seed'],
    [choice.zero !== undefined, 'zero'],
  ];
  for (const [said, option] of given)
    if (said && !reads(sets[option]!))
      refuse(`${row.name} does not read '${option}'; it reads ${known.join(', ')}`);
  if (range !== undefined && row.ranges?.includes(range) === false)
    refuse(`${row.name} finds no range by ${range}; it knows ${row.ranges.join(', ')}`);
  if (choice.seed !== undefined && reads('rounding') && choice.rounding !== 'stochastic')
    refuse("'seed' is for rounding=stochastic");
  if (choice.zero === 'real' && choice.symmetric) refuse("'zero=real' is for asymmetric");
}

function granularityOf(text: string, row: NumberFormat, where: string | undefined): GranularityTemplate {
  if (row.block !== 'free') {
    if (where === undefined || Number(where.replace('group=', '')) === row.block)
      return { kind: 'per-group', size: row.block };
    fail('scheme/text', { text, what: `${row.name} always has blocks of ${row.block}` });
  }
  if (!row.scaled && row.bookSize === 0) return { kind: 'per-tensor' };
  if (where === undefined) {
    if (row.bookSize > 0) return { kind: 'per-tensor' };
    return row.bits <= 4 ? { kind: 'per-group', size: 64 } : { kind: 'per-channel' };
  }
  if (where === 'tensor' || where === 'channel' || where === 'token') return { kind: `per-${where}` };
  const block = /^(\d+)x(\d+)$/.exec(where);
  if (block) return { kind: 'per-block', size: [groupSize(text, block[1]!), groupSize(text, block[2]!)] };
  const size = Number(where.replace('group=', ''));
  if (!Number.isInteger(size) || size < 1)
    fail('scheme/text', {
      text,
      what: `'${where}' is none of tensor, channel, token, a group size, 128x128`,
    });
  return { kind: 'per-group', size: groupSize(text, String(size)) };
}

/** No axis is longer than this: a larger group is a slip. One that is merely longer than the axis is the whole axis. */
const LARGEST_GROUP = 2 ** 31;

function groupSize(text: string, size: string): number {
  const values = Number(size);
  if (values < 1 || values > LARGEST_GROUP)
    fail('scheme/text', { text, what: `'${size}' is no size of a group, which has 1 to 2^31 values` });
  return values;
}

/**
 * The scheme of one tensor: `channel` is the axis of its outputs, `group` that of its inputs, along which groups run.
 * [out, in] weights: { channel: 0, group: 1 }.
 */
export function schemeAt(
  request: SchemeRequest,
  axes: { readonly channel: number; readonly group: number },
): CompositeScheme {
  const { format, granularity, choice, range, double, outliers, lowRank } = request;
  return {
    format,
    ...choice,
    ...(range && { range }),
    granularity: placed(granularity, axes),
    ...(double && { double }),
    ...(outliers && { outliers: outliers.by === 'column' ? { ...outliers, axis: axes.group } : outliers }),
    ...(lowRank && { lowRank }),
  };
}

function placed(template: GranularityTemplate, axes: { channel: number; group: number }): Granularity {
  switch (template.kind) {
    case 'per-tensor':
      return perTensor;
    case 'per-token':
      return perToken;
    case 'per-channel':
      return perChannel(axes.channel);
    case 'per-group':
      return perGroup(axes.group, template.size);
    case 'per-block':
      return perBlock(...template.size);
  }
}

/**
 * Several schemes separated by commas: 'nf4/64, int4/64:asymmetric,range=mse'. A comma begins a new one where a format
 * is named behind it, and belongs to the options elsewhere.
 */
export function splitSchemes(text: string): string[] {
  const schemes: string[] = [];
  for (const part of text.split(',')) {
    const name = /^\s*([a-z0-9_]+)/i.exec(part)?.[1]?.toLowerCase() ?? '';
    const isOption = schemes.at(-1)?.includes(':') && Object.hasOwn(options, name);
    if (isOption) schemes[schemes.length - 1] += `,${part.trim()}`;
    else schemes.push(part.trim());
  }
  return schemes.filter((scheme) => scheme !== '');
}

/** The text that `parseScheme` reads back to the same request. */
export function schemeText(request: SchemeRequest): string {
  const { format, granularity, choice, range, double, outliers, lowRank, entropy } = request;
  const where =
    granularity.kind === 'per-group'
      ? String(granularity.size)
      : granularity.kind === 'per-block'
        ? granularity.size.join('x')
        : granularity.kind.slice('per-'.length);
  const said = [
    !choice.symmetric && 'asymmetric',
    choice.restricted && 'restricted',
    choice.reduced && 'reduced',
    choice.powerOfTwo && 'pot',
    range && `range=${range}`,
    choice.scaleType && `scale=${choice.scaleType}`,
    choice.rounding && `rounding=${choice.rounding}`,
    choice.seed !== undefined && `seed=${choice.seed}`,
    choice.zero && `zero=${choice.zero}`,
  ].filter(Boolean);
  const added = [
    double && doubleText(double),
    outliers && outlierText(outliers),
    lowRank && `lowrank=${lowRank.rank}`,
  ];
  if (entropy) added.push('rans');
  return [`${format}/${where}${said.length > 0 ? `:${said.join(',')}` : ''}`, ...added.filter(Boolean)].join(
    '+',
  );
}

function outlierText(choice: OutlierChoice): string {
  switch (choice.by) {
    case 'threshold':
      return `outliers=${choice.deviations}sd`;
    case 'count':
      return `outliers=${percent(choice.part)}`;
    case 'sensitivity':
      return `sensitive=${percent(choice.part)}`;
    case 'column':
      return `columns=${choice.magnitude}`;
  }
}

const percent = (part: number) => `${Number((part * 100).toPrecision(12))}%`;

/** '0.5%' is 0.005. */
function share(text: string): number | undefined {
  const number = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
  const part = Number(number) / 100;
  return number !== undefined && part > 0 && part < 1 ? part : undefined;
}

function named<T extends string>(kind: string, table: Readonly<Record<T, unknown>>, name: string): T {
  lookUp(kind, table, name);
  return name as T;
}
