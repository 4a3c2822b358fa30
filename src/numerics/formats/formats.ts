import { bitsandbytesTables } from './bitsandbytes-tables.ts';
import { floatFormat } from './float-format.ts';
import { integerFormat } from './integer-format.ts';
import { normalFloats } from './normal-floats.ts';
import type { NumberFormat } from './number-format.ts';

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
  float16: floatFormat({
    name: 'float16',
    dtype: 'float16',
    description: '16-bit float: 5 exponent and 10 mantissa bits, largest value 65504.',
    source: 'IEEE 754-2019 binary16',
    scaled: false,
  }),
  bfloat16: floatFormat({
    name: 'bfloat16',
    dtype: 'bfloat16',
    description: '16-bit float with the range of float32: 8 exponent and 7 mantissa bits.',
    source: 'Kalamkar et al. 2019, arXiv 1905.12322',
    scaled: false,
  }),
  e4m3fn: floatFormat({
    name: 'e4m3fn',
    dtype: 'float8e4m3fn',
    description: '8-bit float: 4 exponent and 3 mantissa bits, largest value 448, no infinity.',
    source: 'OCP 8-bit Floating Point Specification 1.0; arXiv 2209.05433',
    scaled: true,
  }),
  e5m2: floatFormat({
    name: 'e5m2',
    dtype: 'float8e5m2',
    description: '8-bit float: 5 exponent and 2 mantissa bits, largest value 57344.',
    source: 'OCP 8-bit Floating Point Specification 1.0; arXiv 2209.05433',
    scaled: true,
  }),
  ...normalFloats,
  ...bitsandbytesTables,
} as const satisfies Record<string, NumberFormat>;

/** A row of `formats`. */
export type FormatName = keyof typeof formats;
