import { type FormatName, formats, type NumberFormat, type RowLayout } from 'lowbit/numerics';
import { seededRandom } from 'lowbit/tensor';
import { publish, type Row } from './table.ts';

/** A tile as `quantizeTensor` hands it to a format: 16 rows of 4,096 values, 256 KiB of float32. */
const ROWS = 16;
const LENGTH = 4096;
const MEGABYTES = (ROWS * LENGTH * 4) / 1e6;
/** Values that share a scale where the format leaves it open. */
const GROUP = 64;
/** A measurement is the best of the runs that begin within this time, at most so many of them. */
const ENOUGH_MS = 150;
const RUNS = 300;

/** Bell-shaped values, the same in every run: sums of four uniform ones. */
function weights(): Float32Array {
  const random = seededRandom(1);
  return Float32Array.from(
    { length: ROWS * LENGTH },
    () => 0.02 * (random() + random() + random() + random() - 2),
  );
}

/** Megabytes of float32 per second, the best of several runs after one that warms up. */
async function speed(megabytes: number, run: () => unknown): Promise<number> {
  const began = performance.now();
  await run();
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < RUNS && (i === 0 || performance.now() - began < ENOUGH_MS); i++) {
    const start = performance.now();
    await run();
    best = Math.min(best, performance.now() - start);
  }
  return megabytes / (best / 1000);
}

/** The format's own fit, round and value, block by block in plain JavaScript. */
function plainLoops(format: NumberFormat, values: Float32Array, { length, block }: RowLayout) {
  const { unit } = format;
  const out = new Float32Array(values.length);
  const padded = new Float32Array(Math.ceil(block / unit) * unit);
  const fitted: { from: number; to: number; params: ReturnType<NumberFormat['fit']>; codes: number[] }[] = [];
  return {
    encode() {
      fitted.length = 0;
      for (let row = 0; row < values.length; row += length) {
        for (let from = row; from < row + length; from += block) {
          const to = Math.min(from + block, row + length);
          const params = format.fit(values.subarray(from, to), undefined, { range: 'min-max' });
          const codes: number[] = [];
          padded.fill(0);
          padded.set(values.subarray(from, to));
          for (let u = 0; u * unit < to - from; u++) codes.push(format.round(padded, u * unit, params, u));
          fitted.push({ from, to, params, codes });
        }
      }
    },
    decode() {
      for (const { from, to, params, codes } of fitted) {
        for (const [u, code] of codes.entries()) format.value(code, params, u, padded, u * unit);
        out.set(padded.subarray(0, to - from), from);
      }
    },
  };
}

/** MB of float32 per second. */
interface Speeds {
  readonly 'encode, min-max': number;
  /** As the format is used when nothing else is said: with its own search of the range. */
  readonly 'encode, default range': number;
  readonly decode: number;
  readonly 'encode, plain loop': number;
  readonly 'decode, plain loop': number;
}

/** The lines of the summary, in the order of the documentation. `goal`: held to the goals below. */
const groups: readonly { title: string; goal?: true; holds(format: NumberFormat): boolean }[] = [
  { title: 'uniform integers', goal: true, holds: ({ family }) => family === 'integer' },
  {
    title: 'mid-rise and dead zone',
    goal: true,
    holds: ({ family }) => family === 'mid-rise' || family === 'dead-zone',
  },
  { title: 'floats of 8 bits', goal: true, holds: ({ family, bits }) => family === 'float' && bits === 8 },
  { title: 'floats of 4 and 6 bits', holds: ({ family, bits }) => family === 'float' && bits < 8 },
  { title: 'MX formats, nvfp4', holds: ({ family }) => family === 'block-float' },
  {
    title: '16 fixed levels',
    goal: true,
    holds: ({ family, kind, bits }) => kind === 'levels' && bits === 4 && family !== 'binary-ternary',
  },
  {
    title: 'other fixed levels',
    holds: ({ family, kind }) => kind === 'levels' && family !== 'binary-ternary',
  },
  { title: 'signs', holds: ({ family }) => family === 'binary-ternary' },
  { title: 'learned books, with learning', holds: ({ kind }) => kind === 'book' },
];
const GOALS = { 'encode, default range': 500, decode: 1000 } as const;

const mbs = (value: number) => value.toFixed(0);

async function measure(format: NumberFormat, values: Float32Array): Promise<Speeds> {
  const block = format.block === 'free' ? GROUP : format.block;
  const layout = { rows: ROWS, length: LENGTH, block };
  const tensorScale = format.tensorScale?.(values);
  const shared = tensorScale === undefined ? {} : { tensorScale };
  const encode = (choice: object) => () => format.encode(values, layout, undefined, { ...shared, ...choice });
  const encoded = await encode({ range: 'min-max' })();
  const plain = plainLoops(format, values, layout);
  const full = await speed(MEGABYTES, encode({ range: 'min-max' }));
  return {
    'encode, min-max': full,
    'encode, default range': format.defaultRange === 'min-max' ? full : await speed(MEGABYTES, encode({})),
    decode: await speed(MEGABYTES, () => format.decode(encoded, layout)),
    'encode, plain loop': await speed(MEGABYTES, plain.encode),
    'decode, plain loop': await speed(MEGABYTES, plain.decode),
  };
}

function rowOf(format: NumberFormat, speeds: Speeds): Row {
  const { name, bits, unit, block, defaultRange } = format;
  const searched = defaultRange === 'min-max' ? '' : ` (${defaultRange})`;
  return {
    format: name,
    bits: String(bits / unit),
    block: String(block === 'free' ? GROUP : block),
    'encode, min-max': mbs(speeds['encode, min-max']),
    'encode, default range': `${mbs(speeds['encode, default range'])}${searched}`,
    decode: mbs(speeds.decode),
    'encode, plain loop': mbs(speeds['encode, plain loop']),
    'decode, plain loop': mbs(speeds['decode, plain loop']),
  };
}

type Measured = readonly { readonly format: NumberFormat; readonly speeds: Speeds }[];

/** Least and most of each group, and what misses its goal. */
function summary(measured: Measured): { rows: Row[]; missed: string[] } {
  const groupOf = (format: NumberFormat) => groups.find(({ holds }) => holds(format));
  const rows: Row[] = [];
  const missed: string[] = [];
  for (const group of groups) {
    const members = measured.filter(({ format }) => groupOf(format) === group);
    if (members.length === 0) continue;
    const span = (key: keyof Speeds) => {
      const all = members.map(({ speeds }) => speeds[key]);
      return `${mbs(Math.min(...all))} to ${mbs(Math.max(...all))}`;
    };
    rows.push({
      formats: `${group.title} (${members.length})`,
      'encode, default range': span('encode, default range'),
      'encode, min-max': span('encode, min-max'),
      decode: span('decode'),
      'encode, plain loop': span('encode, plain loop'),
    });
    if (!group.goal) continue;
    for (const { format, speeds } of members)
      for (const [key, goal] of Object.entries(GOALS) as [keyof typeof GOALS, number][])
        if (speeds[key] < goal) missed.push(`${format.name} ${key} ${mbs(speeds[key])}`);
  }
  return { rows, missed };
}

/**
 * Every format of at most 8 bits a value, one thread, through `encode` and `decode` of its row. Names of formats
 * behind the bench's own choose some.
 */
export default async function run(): Promise<void> {
  const wanted = process.argv.slice(3);
  const values = weights();
  const copy = new Float32Array(values.length);
  const rows: Row[] = [{ format: 'memcpy', decode: mbs(await speed(MEGABYTES, () => copy.set(values))) }];
  const measured: { format: NumberFormat; speeds: Speeds }[] = [];
  for (const name of Object.keys(formats) as FormatName[]) {
    const format: NumberFormat = formats[name];
    if (format.bits / format.unit > 8 || (wanted.length > 0 && !wanted.includes(name))) continue;
    const speeds = await measure(format, values);
    measured.push({ format, speeds });
    rows.push(rowOf(format, speeds));
    console.log(Object.values(rows.at(-1)!).join('  '));
  }
  console.log('\nMB of float32 per second, one thread.');
  publish('formats', rows);
  const { rows: spans, missed } = summary(measured);
  publish('formats-summary', spans);
  console.log(
    `Uniform, 8-bit floats and 16 fixed levels below ${GOALS['encode, default range']} MB/s of encode (default range) ` +
      `or ${GOALS.decode} MB/s of decode: ${missed.join(', ') || 'none'}.`,
  );
}
