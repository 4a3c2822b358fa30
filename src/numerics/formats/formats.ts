import { bitsandbytesTables } from './bitsandbytes-tables.ts';
import { integerFormat } from './integer-format.ts';
import { normalFloats } from './normal-floats.ts';
import type { NumberFormat } from './number-format.ts';
import { smallFloatFormats } from './small-floats.ts';

/** Every number format by name. To add one: a row in the file of its family; the conformance suite tests the rest. */
export const formats = {
  int8: integerFormat('int8', 8, true),
  uint8: integerFormat('uint8', 8, false),
  int4: integerFormat('int4', 4, true),
  uint4: integerFormat('uint4', 4, false),
  int2: integerFormat('int2', 2, true),
  uint2: integerFormat('uint2', 2, false),
  int16: integerFormat('int16', 16, true),
  uint16: integerFormat('uint16', 16, false),
  ...smallFloatFormats,
  ...normalFloats,
  ...bitsandbytesTables,
} as const satisfies Record<string, NumberFormat>;

/** A row of `formats`. */
export type FormatName = keyof typeof formats;
