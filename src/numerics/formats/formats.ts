import { binaryAndTernary } from './binary-ternary.ts';
import { bitsandbytesTables } from './bitsandbytes-tables.ts';
import { blockFloats } from './block-floats.ts';
import { codeBooks } from './code-books.ts';
import { compandedFormats } from './companded.ts';
import { deadZoneFormats } from './dead-zone.ts';
import { integers } from './integers.ts';
import { logarithmicFormats } from './logarithmic.ts';
import { midRiseFormats } from './mid-rise.ts';
import { normalFloats } from './normal-floats.ts';
import type { NumberFormat } from './number-format.ts';
import { smallFloatFormats } from './small-floats.ts';
import { vectorBooks } from './vector-books.ts';

/** Every number format by name. To add one: a row in the file of its family; the conformance suite tests the rest. */
export const formats = {
  ...integers,
  ...midRiseFormats,
  ...deadZoneFormats,
  ...smallFloatFormats,
  ...blockFloats,
  ...normalFloats,
  ...bitsandbytesTables,
  ...compandedFormats,
  ...logarithmicFormats,
  ...binaryAndTernary,
  ...codeBooks,
  ...vectorBooks,
} as const satisfies Record<string, NumberFormat>;

/** A row of `formats`. */
export type FormatName = keyof typeof formats;
