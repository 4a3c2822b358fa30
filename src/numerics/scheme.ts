import type { FormatName } from './formats/formats.ts';
import type { Granularity } from './granularity.ts';
import type { RangeSearch } from './ranges.ts';

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
  readonly scaleType?: ScaleType;
  /** How a value between two codes is rounded. Default half-even. */
  readonly rounding?: Rounding;
  /** Stochastic rounding: where its random numbers begin. Default 0. */
  readonly seed?: number;
  /** `real`: zero points are floats, in units of the scale, so that real 0 need not be a code. Default integer. */
  readonly zero?: 'integer' | 'real';
}

/** Types that scales are stored in. float8e8m0: powers of two. */
export type ScaleType = 'float32' | 'float16' | 'bfloat16' | 'float8e8m0' | 'float8e4m3fn' | 'float8e5m2';

/** half-even: as IEEE 754 and ONNX. half-away: away from zero. stochastic: up with the probability of the remainder. */
export type Rounding = 'half-even' | 'half-away' | 'stochastic';

/** How one tensor is stored: format, granularity, and how its range is used. */
export interface Scheme extends RangeChoice {
  readonly format: FormatName;
  readonly granularity: Granularity;
  /** How ranges are found; the format's own way when absent. */
  readonly range?: RangeSearch;
}
