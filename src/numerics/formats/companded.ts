import { levelFormat } from './level-format.ts';

/**
 * Companding: values pass a compressing curve, are rounded uniformly, and come back through the inverse curve. So
 * the levels are the inverse curve of evenly spaced ones: y = i / (2^(bits-1) - 1), i = -(2^(bits-1) - 1) .. +.
 * 0 and both peaks are levels; their number is odd, so the last code means none. Values take the nearest level, not
 * the one that is nearest after compression: that has less squared error. The curves are the smooth ones that G.711
 * approximates by straight segments.
 */
export function compandedLevels(expand: (y: number) => number, bits: number): number[] {
  const top = 2 ** (bits - 1) - 1;
  return Array.from({ length: 2 * top + 1 }, (_, code) => {
    const i = code - top;
    return i === 0 ? 0 : Math.sign(i) * expand(Math.abs(i) / top);
  });
}

const MU = 255;
const A = 87.6;

/** The inverses of the two curves of G.711 over [0, 1]. */
export const expanders = {
  /** From y = ln(1 + mu x) / ln(1 + mu). */
  mu: (y: number) => ((1 + MU) ** y - 1) / MU,
  /** From y = A x / (1 + ln A) up to x = 1/A, (1 + ln(A x)) / (1 + ln A) above. */
  a: (y: number) => {
    const z = y * (1 + Math.log(A));
    return (z < 1 ? z : Math.exp(z - 1)) / A;
  },
};

const source = 'ITU-T G.711; Bennett 1948, Bell System Technical Journal 27(3)';

const muLaw = (bits: number) =>
  levelFormat({
    name: `mulaw${bits}`,
    family: 'companded',
    description: `${bits} bits, uniform after the mu-law curve (mu = 255): steps grow with the magnitude.`,
    source,
    bits,
    levels: compandedLevels(expanders.mu, bits),
  });

const aLaw = (bits: number) =>
  levelFormat({
    name: `alaw${bits}`,
    family: 'companded',
    description: `${bits} bits, uniform after the A-law curve (A = 87.6): even steps near 0, then growing ones.`,
    source,
    bits,
    levels: compandedLevels(expanders.a, bits),
  });

/** The curves of telephony at 2 to 8 bits. At 2 bits both are -1, 0, 1. */
export const compandedFormats = {
  mulaw2: muLaw(2),
  mulaw3: muLaw(3),
  mulaw4: muLaw(4),
  mulaw5: muLaw(5),
  mulaw6: muLaw(6),
  mulaw7: muLaw(7),
  mulaw8: muLaw(8),
  alaw2: aLaw(2),
  alaw3: aLaw(3),
  alaw4: aLaw(4),
  alaw5: aLaw(5),
  alaw6: aLaw(6),
  alaw7: aLaw(7),
  alaw8: aLaw(8),
};
