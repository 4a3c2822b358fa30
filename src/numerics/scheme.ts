import type { FormatName } from './formats.ts';
import type { Granularity } from './granularity.ts';

/** How the range of an integer format is used. */
export interface RangeChoice {
  /** Zero point at the middle of the codes (0 for signed): real 0 in the centre. */
  readonly symmetric: boolean;
  /** Signed codes stay in [-(2^(b-1) - 1), 2^(b-1) - 1]: -127..127 for int8. */
  readonly restricted?: boolean;
  /** One bit of the range stays unused (7-bit codes in int8/uint8): no 16-bit saturation without VNNI. */
  readonly reduced?: boolean;
  /** Scales are powers of two: dequantizing is a shift. */
  readonly powerOfTwo?: boolean;
  /** Scales are rounded to this type before codes are chosen, because the file stores them so. Default float32. */
  readonly scaleType?: 'float32' | 'float16' | 'bfloat16';
}

/** How one tensor is stored: format, granularity, and how its range is used. */
export interface Scheme extends RangeChoice {
  readonly format: FormatName;
  readonly granularity: Granularity;
}
