import { evenly } from './evenly.ts';
import { levelFormat } from './level-format.ts';

const f = Math.fround;

/**
 * The signed dynamic map of 8 bits, ascending, as bitsandbytes computes it in float32. One bit is the sign; the
 * zeros that follow are a decimal exponent, then comes a 1, and the rest is a linear fraction: decade by decade
 * from 1e-6 up, 1, 2, 4 .. 64 levels stand in the middle of equal parts of [0.1, 1]. 0 and 1 are added by
 * hand, so the lowest level is -0.993 while the highest is 1.
 * Source: Dettmers 2016, arXiv 1511.04561; Dettmers et al. 2022, arXiv 2110.02861; `create_dynamic_map()`.
 */
export function dynamicMap(): Float32Array {
  const exponents = 7;
  const levels = [0, 1];
  for (let i = 0; i < exponents; i++) {
    const parts = 2 ** i;
    const bounds = evenly(0.1, 1, parts + 1);
    const power = f(10 ** (i - exponents + 1));
    for (let k = 0; k < parts; k++) {
      const middle = f(f(bounds[k]! + bounds[k + 1]!) / 2);
      levels.push(f(power * middle), -f(power * middle));
    }
  }
  return Float32Array.from(levels).sort();
}

/**
 * FP4 in the order of its codes: sign, two bits of exponent, one of mantissa, but the exponent counts
 * 8, 4, 2 for 01, 10, 11, and 00 is the subnormal 1/16. Divided by the largest, 12, in float32.
 * Source: `get_4bit_type('fp4')` of bitsandbytes. Codes 0 and 8 both mean 0.
 */
const FP4 = [0, 0.0625, 8, 12, 4, 6, 2, 3].map((x) => f(x / 12));

/** The tables that belong to bitsandbytes and nobody else; its NF4 is the `nf4` of `normal-floats.ts`. */
export const bitsandbytesTables = {
  fp4: levelFormat({
    name: 'fp4',
    family: 'bitsandbytes',
    description: '4 bits: sign and 0, 1/192, 1/6, 1/4, 1/3, 1/2, 2/3, 1, in the code order of bitsandbytes.',
    source: 'bitsandbytes 0.50.2, get_4bit_type("fp4")',
    bits: 4,
    levels: [...FP4, ...FP4.map((x) => 0 - x)],
  }),
  dynamic8: levelFormat({
    name: 'dynamic8',
    family: 'bitsandbytes',
    description: '8 bits: seven decades of magnitude, ten times finer where values are ten times smaller.',
    source: 'Dettmers 2016, arXiv 1511.04561; bitsandbytes 0.50.2, create_dynamic_map()',
    bits: 8,
    levels: [...dynamicMap()],
    reach: 1,
  }),
};
