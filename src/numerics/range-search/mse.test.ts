import { expect, test } from 'vitest';
import { seededRandom } from '../../tensor/index.ts';
import { type FormatName, formats } from '../formats/formats.ts';
import type { NumberFormat } from '../formats/number-format.ts';
import type { UniformGrid } from '../uniform-grid.ts';
import { mse } from './mse.ts';

const BLOCK = 64;
const LAYOUT = { rows: 1, length: 32 * BLOCK, block: BLOCK };
const LOSS_DB = 0.1;

const random = seededRandom(5);
const bell = () => random() + random() + random() + random() - 2;
const laplace = () => Math.sign(random() - 0.5) * Math.log(random() + 1e-9);
const sources = { bell, laplace };

function gridOf({ name, bits }: NumberFormat): UniformGrid {
  const half = 2 ** (bits - 1);
  const rise = name.startsWith('midrise');
  return {
    cells: {
      shape: rise ? 'rise' : 'dead-zone',
      margin: rise ? 0 : 0.5,
      realZero: false,
      rounding: 'half-even',
      seed: 0,
    },
    codes: { minCode: rise ? 0 : 1, maxCode: 2 * half - 1, symmetricZero: half },
    fixedZero: true,
    bits,
    choice: {},
  };
}

const mirrored = (Object.keys(formats) as FormatName[]).filter((name) => /^(midrise|deadzone)/.test(name));

test.each(mirrored)('%s: the kernel finds about what the search through 54 scales finds', async (name) => {
  const format: NumberFormat = formats[name];
  const grid = gridOf(format);
  for (const [source, next] of Object.entries(sources)) {
    const values = Float32Array.from({ length: LAYOUT.length }, next);
    const noiseDb = async (encoded: ReturnType<NumberFormat['encode']>) => {
      const back = format.decode(await encoded, LAYOUT);
      return 10 * Math.log10(back.reduce((sum, x, i) => sum + (x - values[i]!) ** 2, 0));
    };
    const scale = Float32Array.from(
      { length: LAYOUT.length / BLOCK },
      (_, i) => mse(grid, values.subarray(i * BLOCK, (i + 1) * BLOCK)).scale,
    );
    const codes = await format.encodeUnder!(values, LAYOUT, { scale });
    const wanted = await noiseDb(Promise.resolve({ codes, scale }));
    const got = await noiseDb(format.encode(values, LAYOUT, undefined, { range: 'mse' }));
    expect(got - wanted, source).toBeLessThan(LOSS_DB);
  }
});

/** Blocks whose best range the window of a search might miss. */
const hard: Readonly<Record<string, () => number>> = {
  constant: () => 0.37,
  'two values': () => (random() < 0.5 ? 1 : -0.2),
  'signs and zeros': () => Math.floor(random() * 3) - 1,
  'one side': () => 2 + Math.abs(bell()),
  'few values': () => (random() < 0.95 ? 0 : bell()),
  'one outlier': () => (random() < 1 / 64 ? 30 : 1) * bell(),
};

test.each(mirrored)('%s: a search never loses to the full range', async (name) => {
  const format: NumberFormat = formats[name];
  for (const [source, next] of Object.entries(hard)) {
    const values = Float32Array.from({ length: LAYOUT.length }, next);
    const noise = async (range: 'mse' | 'min-max') => {
      const back = format.decode(await format.encode(values, LAYOUT, undefined, { range }), LAYOUT);
      return back.reduce((sum, x, i) => sum + (x - values[i]!) ** 2, 0);
    };
    expect(await noise('mse'), source).toBeLessThanOrEqual((await noise('min-max')) * (1 + 1e-6));
  }
});

test.each([
  ['int4', true],
  ['uint3', false],
  ['int6', true],
  ['midrise3', true],
  ['deadzone4', true],
] as const)(
  '%s, symmetric %s, powers of two: the kernels choose what the search chooses',
  async (name, symmetric) => {
    const format: NumberFormat = formats[name];
    const layout = { rows: 5, length: 100, block: 32 };
    const values = Float32Array.from({ length: 500 }, laplace);
    const importance = Float32Array.from({ length: 500 }, random);
    for (const weights of [undefined, importance])
      for (const part of [{ powerOfTwo: true }, { scaleType: 'float8e8m0' } as const]) {
        const choice = { symmetric, range: 'mse', rounding: 'half-away', ...part } as const;
        const { scale, zeroPoint } = await format.encode(values, layout, weights, choice);
        let at = 0;
        for (let row = 0; row < 500; row += 100) {
          for (let from = row; from < row + 100; from += 32, at++) {
            const to = Math.min(from + 32, row + 100);
            const wanted = format.fit(values.subarray(from, to), weights?.subarray(from, to), choice);
            expect(scale[at]).toBe(wanted.scale);
            if (zeroPoint) expect(zeroPoint[at]).toBe(wanted.zeroPoint);
          }
        }
      }
  },
);
