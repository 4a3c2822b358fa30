import { type CompositeScheme, parseScheme, type SchemeRequest, schemeAt } from '../../numerics/index.ts';

/** The key of a safetensors file's metadata under which quantized tensors are described. */
export const QUANTIZED_KEY = 'lowbit.quantized';
/** Files of a later version are refused. */
export const QUANTIZED_VERSION = 1;

/** What a file says of one quantized tensor; its parts are tensors of the same file. */
export interface QuantizedEntry {
  /** As `parseScheme` reads it: 'nf4/64+double+rans'. */
  readonly scheme: string;
  /** The axis of outputs and the axis along which groups run. */
  readonly axes: { readonly channel: number; readonly group: number };
  /** Shape of the tensor as values. */
  readonly dims: readonly number[];
  /** Double quantization: what was taken off the scales. */
  readonly mean?: number;
  /** Two-level scales: that of the whole tensor. */
  readonly tensorScale?: number;
  /** For reports: bits per code that no static table beats. */
  readonly entropy?: number;
  /** CRC-32 of the bytes of each part, by what follows the name: '.scale'. Streams have their own. */
  readonly crc32: Readonly<Record<string, number>>;
}

/** The text under the key. */
export interface QuantizedDescription {
  readonly version: typeof QUANTIZED_VERSION;
  readonly tensors: Readonly<Record<string, QuantizedEntry>>;
}

/** What a scheme's text asks for, and the scheme of the tensor. @throws scheme/text, name/unknown */
export function schemeOf({ scheme, axes }: Pick<QuantizedEntry, 'scheme' | 'axes'>): {
  readonly request: SchemeRequest;
  readonly scheme: CompositeScheme;
} {
  const request = parseScheme(scheme);
  return { request, scheme: schemeAt(request, axes) };
}

/** How a part's tensor is called: `<name>.codes`. */
export const partNames = {
  codes: '.codes',
  /** In place of `.codes`: one stream of codes, a byte or two each. */
  codedCodes: '.codes.rans',
  scale: '.scale',
  /** Scales of at most 256 different values: numbers of these, and the values. */
  scaleIndex: '.scale.index',
  scaleLevels: '.scale.levels',
  zeroPoint: '.zero_point',
  realZero: '.real_zero',
  book: '.book',
  outlierPlaces: '.outliers.at',
  outlierValues: '.outliers.values',
  lowRankLeft: '.low_rank.left',
  lowRankRight: '.low_rank.right',
} as const;
