import { seededRandom } from 'lowbit/tensor';

/** Rows that the byte tests run over, by what is special about them; each [rows, rowLength]. */
export interface SampleRows {
  readonly name: string;
  readonly values: Float32Array;
}

function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

const kinds: Readonly<Record<string, (random: () => number, i: number, row: number) => number>> = {
  gaussian: (random) => 0.02 * gaussian(random),
  // Student's t with 3 degrees of freedom.
  'heavy-tailed': (random) => {
    const z = gaussian(random);
    const chi = gaussian(random) ** 2 + gaussian(random) ** 2 + gaussian(random) ** 2;
    return (0.02 * z) / Math.sqrt(chi / 3);
  },
  laplace: (random) => {
    const u = random() - 0.5;
    return -0.01 * Math.sign(u) * Math.log(1 - 2 * Math.abs(u));
  },
  uniform: (random) => random() * 2 - 1,
  'positive only': (random) => 0.5 + 0.1 * Math.abs(gaussian(random)),
  constant: (_random, _i, row) => [0.5, -0.25, 1 / 3, -1e-3][row % 4]!,
  zero: () => 0,
  'negative zero': () => -0,
  'zeros of both signs among values': (random, i) => [0, -0, 0.01 * gaussian(random)][i % 3]!,
  'zero blocks among values': (random, i) => (Math.floor(i / 32) % 2 === 0 ? 0 : 0.02 * gaussian(random)),
  denormal: (random) => 1e-40 * gaussian(random),
  'denormal scales': (random) => 3e-38 * gaussian(random),
  tiny: (random) => 1e-9 * gaussian(random),
  // Some searches take magnitudes below 1e-15 for zero.
  'around the limit of zero': (random) => 1e-15 * gaussian(random),
  'another magnitude every 16 values': (random, i) =>
    10 ** -((Math.floor(i / 16) * 5) % 7) * gaussian(random),
  huge: (random) => 1e4 * gaussian(random),
  'beyond float16': (random) => 1e6 * gaussian(random),
  'one outlier': (random, i) => (i % 256 === 77 ? 3 : 0.02 * gaussian(random)),
  'equal magnitudes': (random) => (random() < 0.5 ? -0.03 : 0.03),
  'few levels': (random) => (Math.floor(random() * 16) - 8) / 8,
  'bfloat16 values': (random) => {
    const bits = new Uint32Array(Float32Array.of(0.02 * gaussian(random)).buffer);
    bits[0]! &= 0xffff0000;
    return new Float32Array(bits.buffer)[0]!;
  },
};

/** All of them; the same values at every call. */
export function sampleRows(rows: number, rowLength: number): SampleRows[] {
  return Object.entries(kinds).map(([name, kind], index) => {
    const random = seededRandom(index + 1);
    const values = Float32Array.from({ length: rows * rowLength }, (_, i) =>
      kind(random, i % rowLength, Math.floor(i / rowLength)),
    );
    return { name, values };
  });
}

/** Importance as an imatrix has it: mean squares of activations, [rowLength]; some zero, some large. */
export function sampleImportance(rowLength: number): Float32Array {
  const random = seededRandom(99);
  return Float32Array.from({ length: rowLength }, (_, i) =>
    i % 61 === 7 ? 0 : Math.exp(2 * gaussian(random)),
  );
}
