import { existsSync } from 'node:fs';
import { openFile, openSafetensorsFolder, rowCountOf } from 'lowbit/files';
import {
  compositeBits,
  entropyDecode,
  entropyEncode,
  formats,
  type NumberFormat,
  parseScheme,
  quantizeComposite,
  schemeAt,
  toFloat32,
} from 'lowbit/numerics';
import { tensorFromBytes } from 'lowbit/tensor';
import { asset } from './models.ts';
import { publish, type Row } from './table.ts';

/** Schemes whose codes are more or less evenly used. */
const schemes = [
  'int8/channel',
  'int4/64',
  'int4/channel',
  'nf4/64',
  'kmeans4/channel',
  'int5/channel',
  'e4m3fn/channel',
];
/** Best of so many. */
const RUNS = 15;

/** All linear weights of one layer of lm-35m, and its largest. */
async function matrices(): Promise<{ name: string; values: Float32Array; dims: readonly number[] }[]> {
  const { siblings } = await openFile(`${asset('lm-35m')}/config.json`);
  const weights = await openSafetensorsFolder(siblings);
  const found = [...weights.tensors.values()].filter(({ name }) => /layers\.3\..*(proj)\.weight$/.test(name));
  const read = [];
  for (const { name, shape, type } of found) {
    const bytes = await weights.tensors.get(name)!.read(0, rowCountOf(shape));
    read.push({
      name,
      dims: shape,
      values: toFloat32(tensorFromBytes(type as 'float32', shape, bytes.slice())),
    });
  }
  await weights.close();
  return read;
}

async function best(run: () => Promise<unknown>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < RUNS; i++) {
    const start = performance.now();
    await run();
    least = Math.min(least, performance.now() - start);
  }
  return least / 1000;
}

async function measure(text: string, weights: Awaited<ReturnType<typeof matrices>>): Promise<Row> {
  const request = parseScheme(text);
  const format: NumberFormat = formats[request.format];
  const sum = { codes: 0, coded: 0, packed: 0, entropy: 0, values: 0, all: 0 };
  let [slowest, encodeSlowest] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (const { values, dims, name } of weights) {
    const q = await quantizeComposite(values, dims, schemeAt(request, { channel: 0, group: 1 }), { name });
    const { codes } = q.base;
    const coded = await entropyEncode(codes);
    const expected = { count: codes.length, elementBytes: codes.BYTES_PER_ELEMENT as 1 | 2 };
    slowest = Math.min(slowest, codes.length / (await best(() => entropyDecode(coded.bytes, expected))));
    encodeSlowest = Math.min(encodeSlowest, codes.length / (await best(() => entropyEncode(codes))));
    sum.codes += codes.length;
    sum.coded += coded.bytes.length;
    sum.packed += format.pack(codes).length;
    sum.entropy += coded.entropyBits * codes.length;
    sum.values += values.length;
    sum.all += compositeBits(q).total - codes.length * format.bits + 8 * coded.bytes.length;
  }
  return {
    scheme: `${text}+rans`,
    'packed bits a code': ((8 * sum.packed) / sum.codes).toFixed(3),
    entropy: (sum.entropy / sum.codes).toFixed(3),
    'true bits a code': ((8 * sum.coded) / sum.codes).toFixed(3),
    'of packed': `${(sum.coded / sum.packed).toFixed(3)}x`,
    'bits per weight, all': (sum.all / sum.values).toFixed(3),
    'decode MB/s': (slowest / 1e6).toFixed(0),
    'encode MB/s': (encodeSlowest / 1e6).toFixed(0),
  };
}

/** Size and speed of entropy-coded codes. */
export default async function entropy(): Promise<void> {
  if (!existsSync(asset('lm-35m'))) return console.log('LOWBIT_ASSETS has no lm-35m: nothing to measure');
  const weights = await matrices();
  const rows: Row[] = [];
  for (const text of schemes) rows.push(await measure(text, weights));
  console.log(
    '\nLinear weights of layer 3 of lm-35m; MB of codes, one byte a code, one thread, the slowest tensor.',
  );
  publish('entropy', rows);
}
