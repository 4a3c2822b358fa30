import { levelFormat } from './level-format.ts';

/**
 * The reals of codes that are a sign bit above a magnitude: `magnitudes[0]` is 0 and there is no second zero, so the
 * code of -0 means none.
 */
function signAndMagnitude(magnitudes: readonly number[]): number[] {
  return [...magnitudes, Number.NaN, ...magnitudes.slice(1).map((x) => -x)];
}

/** 0, then `count` powers of 2^(1 / perOctave) that end at 1. */
function powers(count: number, perOctave: number): number[] {
  return [0, ...Array.from({ length: count }, (_, i) => 2 ** ((i + 1 - count) / perOctave))];
}

/**
 * Magnitudes that are sums of powers of two, [2^bits], ascending. Each pair of bits picks one of four: nothing or
 * one of three powers; an odd bit left over picks nothing or one. No power is in two picks, so no sum comes twice.
 * The powers are dealt out from 1 down: each pair takes its largest, then its second, then the odd bit its only
 * one, then each pair its smallest, as the authors' code does for 2 to 6 bits.
 */
export function additivePowers(bits: number): number[] {
  const pairs = bits >> 1;
  const picks = Array.from({ length: pairs }, () => [0]);
  let power = 1;
  const deal = (pick: number[]) => {
    pick.push(power);
    power /= 2;
  };
  picks.forEach(deal);
  picks.forEach(deal);
  const odd = [0];
  if (bits % 2 === 1) deal(odd);
  picks.forEach(deal);
  const sums = [...picks, odd].reduce<number[]>(
    (sums, pick) => sums.flatMap((s) => pick.map((p) => s + p)),
    [0],
  );
  return sums.sort((a, b) => a - b);
}

/**
 * Levels per octave of `log<bits>`: the whole number that gave the largest SQNR on Gaussian and Laplacian blocks of
 * 64 together. Fewer leave gaps at the peak, more do not reach down to small values. The more bits, the finer; at
 * 3 bits a base below 2 only loses.
 */
const LEVELS_PER_OCTAVE = { 3: 1, 4: 2, 5: 4, 6: 6, 7: 12, 8: 21 } as const;

const pot = (bits: number) =>
  levelFormat({
    name: `pot${bits}`,
    family: 'logarithmic',
    description: `${bits} bits: 0 or a sign and one of ${2 ** (bits - 1) - 1} powers of two; products are shifts.`,
    source: 'Zhou et al. 2017 (INQ), arXiv 1702.03044',
    bits,
    levels: signAndMagnitude(powers(2 ** (bits - 1) - 1, 1)),
  });

const log = (bits: keyof typeof LEVELS_PER_OCTAVE) =>
  levelFormat({
    name: `log${bits}`,
    family: 'logarithmic',
    description: `${bits} bits: 0 or a sign and a power of 2^(1/${LEVELS_PER_OCTAVE[bits]}): the same relative error at every magnitude.`,
    source: 'Miyashita et al. 2016, arXiv 1603.01025',
    bits,
    levels: signAndMagnitude(powers(2 ** (bits - 1) - 1, LEVELS_PER_OCTAVE[bits])),
  });

const apot = (bits: number) =>
  levelFormat({
    name: `apot${bits}`,
    family: 'logarithmic',
    description: `${bits} bits: a sign and a sum of up to ${bits >> 1} powers of two; products are few shifts and additions.`,
    source: 'Li et al. 2020 (APoT), arXiv 1909.13144',
    bits,
    levels: signAndMagnitude(additivePowers(bits - 1)),
  });

/** Levels whose steps grow with the magnitude by powers. A value takes the nearest level, not the nearest exponent. */
export const logarithmicFormats = {
  pot2: pot(2),
  pot3: pot(3),
  pot4: pot(4),
  pot5: pot(5),
  pot6: pot(6),
  pot7: pot(7),
  pot8: pot(8),
  log3: log(3),
  log4: log(4),
  log5: log(5),
  log6: log(6),
  log7: log(7),
  log8: log(8),
  apot3: apot(3),
  apot4: apot(4),
  apot5: apot(5),
  apot6: apot(6),
  apot7: apot(7),
  apot8: apot(8),
};
