import type { ByteSource } from '../../files/index.ts';
import { fail } from '../../tensor/index.ts';
import type { RowDType, Rows } from '../rows.ts';
import type { Reader, ReadRequest } from './reader.ts';

/** JSON is parsed whole: larger sets belong in jsonl, which is read line by line. */
const maxJsonBytes = 256 * 2 ** 20;
/** Axes of a sample. */
const maxDepth = 8;

/** [input, label], as in [[1, 442, 2], 0]. */
export const isPair = (sample: unknown): sample is [unknown[], unknown] =>
  Array.isArray(sample) && sample.length === 2 && Array.isArray(sample[0]) && !Array.isArray(sample[1]);

/** The part of a sample that a key names; without one, the part of a pair, or all of it. */
export function fieldOf(sample: unknown, key: string | number | undefined, labels: boolean): unknown {
  if (key !== undefined) return (sample as Record<string | number, unknown> | null)?.[key];
  return isPair(sample) ? sample[labels ? 1 : 0] : sample;
}

/** Numbers of one field and its shape: 3 is [], [1, 2] is [2]; a name is its class number. */
export function numbersOf(
  field: unknown,
  where: string,
  labelNames: readonly string[] | undefined,
  depth = 0,
): { values: number[]; dims: number[] } {
  if (typeof field === 'number' && Number.isFinite(field)) return { values: [field], dims: [] };
  if (typeof field === 'boolean') return { values: [Number(field)], dims: [] };
  if (typeof field === 'string' && labelNames !== undefined) {
    const index = labelNames.indexOf(field);
    if (index < 0) fail('data/malformed', { file: where, what: `'${field}' is none of the label names` });
    return { values: [index], dims: [] };
  }
  if (!Array.isArray(field)) {
    fail('data/malformed', { file: where, what: `wanted a number or a list, got ${JSON.stringify(field)}` });
  }
  if (depth === maxDepth)
    fail('data/malformed', { file: where, what: `lists are nested deeper than ${maxDepth}` });
  const parts = field.map((part) => numbersOf(part, where, labelNames, depth + 1));
  const inner = parts[0]?.dims ?? [];
  if (parts.some((p) => String(p.dims) !== String(inner))) {
    fail('data/malformed', { file: where, what: 'the nested lists of one sample differ in length' });
  }
  return { values: parts.flatMap((p) => p.values), dims: [parts.length, ...inner] };
}

/** Numbers in text become one of two types; inputs of other types are fed from those. */
export function textDType(file: string, dtype: RowDType | undefined): 'int32' | 'float32' | undefined {
  if (dtype === undefined || dtype === 'int32' || dtype === 'float32') return dtype;
  fail('data/malformed', { file, what: `numbers in text are read as int32 or float32, not ${dtype}` });
}

/** Rows of lists or numbers that are already in memory. */
export function rowsOfLists(
  source: string,
  samples: readonly { values: number[]; dims: number[] }[],
  dtype: RowDType | undefined,
): Rows {
  const same = samples.every((s) => String(s.dims) === String(samples[0]!.dims));
  if (!same && samples.some((s) => s.dims.length !== 1)) {
    fail('data/malformed', {
      file: source,
      what: 'samples differ in shape; only flat lists may differ in length',
    });
  }
  const starts = new Float64Array(samples.length + 1);
  for (const [i, s] of samples.entries()) starts[i + 1] = starts[i]! + s.values.length;
  const whole = samples.every((s) => s.values.every((v) => Number.isInteger(v) && Math.abs(v) < 2 ** 31));
  const stored = textDType(source, dtype) ?? (whole ? 'int32' : 'float32');
  const all = stored === 'int32' ? new Int32Array(starts.at(-1)!) : new Float32Array(starts.at(-1)!);
  for (const [i, s] of samples.entries()) all.set(s.values, starts[i]);
  return {
    source,
    count: samples.length,
    dtype: stored,
    dims: same ? (samples[0]?.dims ?? []) : undefined,
    longest: same ? undefined : samples.reduce((most, s) => Math.max(most, s.values.length), 0),
    async read(start, count) {
      const lengths = same
        ? undefined
        : Int32Array.from({ length: count }, (_, i) => starts[start + i + 1]! - starts[start + i]!);
      return { data: all.slice(starts[start], starts[start + count]), lengths };
    },
  };
}

/** The samples of a JSON file. @throws data/malformed, data/too-large */
export async function readJsonSamples(source: ByteSource): Promise<unknown[]> {
  if (source.size > maxJsonBytes) {
    fail('data/too-large', {
      file: source.name,
      what: 'its size in bytes',
      got: source.size,
      limit: maxJsonBytes,
    });
  }
  const text = new TextDecoder().decode(await source.read(0, source.size));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    fail(
      'data/malformed',
      { file: source.name, what: `it is no valid JSON: ${(cause as Error).message}` },
      cause,
    );
  }
  if (!Array.isArray(value)) {
    fail('data/malformed', { file: source.name, what: 'wanted a list of samples: [[[ids], label], ...]' });
  }
  return value;
}

/** Lists of numbers, such as token ids with their label: [[[1, 442, 2], 0], ...]. */
export const json: Reader = {
  description: 'a list of samples: [[ids], label] pairs or objects; `key` names the field',
  extensions: ['.json'],
  hasLabels: async ({ folder, path }) =>
    (await readJsonSamples(await folder.open(path))).slice(0, 1).some(isPair),
  async open({ folder, path, spec, labels = false, labelNames }: ReadRequest) {
    const samples = await readJsonSamples(await folder.open(path));
    const fields = samples.map((sample, i) =>
      numbersOf(fieldOf(sample, spec.key, labels), `${path}, sample ${i}`, labelNames),
    );
    return rowsOfLists(path, fields, spec.dtype);
  },
};
