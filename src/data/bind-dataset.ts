import type { PortInfo } from '../runtime/index.ts';
import { elementCount, fail, type Tensor, throwIfAborted } from '../tensor/index.ts';
import { bindInput } from './bind-input.ts';
import { asTensor, type BoundInput, checkSampleSize, type Fed } from './bound-input.ts';
import type { Batch, Dataset, Task } from './dataset.ts';
import type { DatasetSpec, InputSpec } from './dataset-spec.ts';
import { filled, toFed } from './feed.ts';
import type { Labels } from './read-labels.ts';
import type { Rows } from './rows.ts';

/** Feeds that are not rows of a file: constants, masks, shapes of other inputs. */
type Derived = (batch: number, fed: ReadonlyMap<string, Fed>) => Tensor;

export interface DatasetParts {
  readonly name: string;
  readonly spec: DatasetSpec;
  readonly ports: readonly PortInfo[];
  readonly rows: ReadonlyMap<string, Rows>;
  readonly labels?: Labels;
  readonly targets: ReadonlyMap<string, Rows>;
  readonly guesses: readonly string[];
  /** The spec was guessed, not given. */
  readonly guessing: boolean;
  readonly range?: readonly [number, number];
}

/**
 * Binds opened arrays to the inputs of a model.
 * @throws data/input-missing, data/input-unknown, data/count-mismatch, data/empty, data/shape, data/dtype
 */
export function bindDataset(parts: DatasetParts): Dataset {
  const { name, spec, labels, targets, rows } = parts;
  const guesses = [...parts.guesses];
  const guess = (text: string) => void (guesses.includes(text) || guesses.push(text));
  const inputs = matchInputs(parts, guess);

  if ([...rows.values()].some((r) => r.count === 0)) fail('data/empty', { path: name });
  const bound: BoundInput[] = [];
  const derived = new Map<PortInfo, Derived>();
  for (const [port, { key, input }] of inputs) {
    const own = rows.get(key);
    if (own === undefined) derived.set(port, derivedFeed(port, input, parts));
    else bound.push(bindInput({ port, rows: own, spec: input, guess, guessing: parts.guessing }));
  }

  const first = bound[0]?.rows;
  if (first === undefined) fail('data/not-guessed', { path: name, why: 'no input is fed from a file' });
  const aligned = [...bound.map((b) => b.rows), ...targets.values()];
  for (const other of aligned) sameCount(first, other.source, other.count);
  if (labels !== undefined) sameCount(first, labels.source, labels.values.length);
  const [from, to] = parts.range ?? [0, first.count];
  if (to > first.count || from > to) {
    const problems = [`split [${from}, ${to}] does not lie inside the ${first.count} samples`];
    fail('data/spec-invalid', { where: name, problems });
  }
  if (to === from) fail('data/empty', { path: name });

  const fixed = bound.map((b) => b.fixedBatch).filter((size) => size !== undefined);
  const fixedBatch = fixed.length === 0 ? undefined : Math.max(...fixed);
  return {
    name,
    size: to - from,
    task: taskOf(spec, labels, targets),
    labelNames: labels?.names,
    output: spec.output,
    guesses,
    fixedBatch,
    async *batches({ batchSize, start = 0, end = to - from, signal }): AsyncGenerator<Batch> {
      const step = fixedBatch ?? batchSize;
      const stop = Math.min(end, to - from);
      for (let at = start; at < stop; at += step) {
        throwIfAborted(signal);
        const size = Math.min(step, stop - at);
        const batch = fixedBatch ?? size;
        const fed = new Map<string, Fed>();
        for (const input of bound) fed.set(input.port.name, await input.feed(from + at, size, batch));
        const feeds: Record<string, Tensor> = {};
        for (const [port, make] of derived) feeds[port.name] = make(batch, fed);
        for (const [input, { tensor }] of fed) feeds[input] = tensor;
        yield {
          size,
          feeds,
          labels: labels?.values.slice(from + at, from + at + size),
          targets: targets.size === 0 ? undefined : await readTargets(targets, from + at, size),
        };
      }
    },
  };
}

type Matched = Map<PortInfo, { key: string; input: InputSpec }>;

/** Which entry of the spec feeds which input; one left over on both sides is matched, and said. */
function matchInputs({ spec, ports, rows, name }: DatasetParts, guess: (text: string) => void): Matched {
  const entries = new Map(Object.entries(spec.inputs));
  const matched: Matched = new Map();
  const open: PortInfo[] = [];
  for (const port of ports) {
    const input = entries.get(port.name);
    if (input === undefined) open.push(port);
    else matched.set(port, { key: port.name, input });
    entries.delete(port.name);
  }
  const lists = [...rows].find(([, r]) => r.dims === undefined)?.[0];
  for (const port of [...open]) {
    const input = lists === undefined ? undefined : companionOf(port.name, lists);
    if (input === undefined) continue;
    matched.set(port, { key: port.name, input });
    open.splice(open.indexOf(port), 1);
    guess(
      `'${port.name}' is ${input.mask === undefined ? 'all zeros' : `1 where '${lists}' has a token, 0 where it is filled up`}`,
    );
  }
  if (open.length === 1 && entries.size === 1) {
    const [key, input] = [...entries][0]!;
    guess(`'${key}' of the data feeds the model's input '${open[0]!.name}'`);
    matched.set(open[0]!, { key, input });
  } else if (entries.size > 0) {
    fail('data/input-unknown', {
      input: [...entries.keys()][0]!,
      known: ports.map((p) => p.name),
      data: name,
    });
  } else if (open.length > 0) {
    fail('data/input-missing', { input: open[0]!.name, known: Object.keys(spec.inputs), data: name });
  }
  return matched;
}

/** Inputs that every tokenizer makes beside the ids, by the names the ecosystem gives them. */
function companionOf(port: string, lists: string): InputSpec | undefined {
  if (/attention_mask$/.test(port)) return { mask: lists };
  if (/(token_type|segment)_ids$/.test(port)) return { like: lists, value: 0 };
  return undefined;
}

function derivedFeed(port: PortInfo, input: InputSpec, { ports, name, spec }: DatasetParts): Derived {
  const other = input.mask ?? input.like;
  if (other !== undefined) {
    const source = ports.find((p) => p.name === other) ?? (ports.length === 1 ? ports[0] : undefined);
    if (source === undefined) {
      fail('data/input-unknown', { input: other, known: ports.map((p) => p.name), data: name });
    }
    return (_, fed) => {
      const { tensor, lengths } = fed.get(source.name)!;
      const { dims } = tensor;
      if (input.mask === undefined) {
        return asTensor(port.dtype, dims, filled(port.dtype, elementCount(dims), input.value ?? 0));
      }
      const width = dims[1] ?? 1;
      const ones = Float64Array.from({ length: elementCount(dims) }, (_, i) =>
        lengths === undefined || i % width < lengths[Math.floor(i / width)]! ? 1 : 0,
      );
      return asTensor(port.dtype, dims, toFed({ stored: 'float64', wanted: port.dtype }, ones));
    };
  }
  if (input.value === undefined) {
    fail('data/input-missing', { input: port.name, known: Object.keys(spec.inputs), data: name });
  }
  const { value } = input;
  const shape = input.fill ?? port.shape.map((d) => (typeof d === 'number' && d > 0 ? d : 'batch'));
  const fits =
    shape.length === port.shape.length &&
    shape.every((d, i) => typeof port.shape[i] !== 'number' || d === 'batch' || d === port.shape[i]);
  if (!fits) {
    fail('data/shape', {
      input: port.name,
      file: 'its constant',
      got: `[${shape.join(', ')}]`,
      wanted: `[${port.shape.join(', ')}]`,
    });
  }
  checkSampleSize(
    `the constant of '${port.name}'`,
    port.dtype,
    shape.map((d) => (d === 'batch' ? 1 : d)),
  );
  return (batch) => {
    const dims = shape.map((d) => (d === 'batch' ? batch : d));
    return asTensor(port.dtype, dims, filled(port.dtype, elementCount(dims), value));
  };
}

function sameCount(first: Rows, other: string, otherCount: number): void {
  if (otherCount === first.count) return;
  fail('data/count-mismatch', { first: first.source, firstCount: first.count, other, otherCount });
}

function taskOf(spec: DatasetSpec, labels: Labels | undefined, targets: ReadonlyMap<string, Rows>): Task {
  if (spec.task !== undefined) return spec.task;
  if (targets.size > 0) return 'regression';
  return labels === undefined ? 'none' : 'classification';
}

async function readTargets(
  targets: ReadonlyMap<string, Rows>,
  start: number,
  count: number,
): Promise<Record<string, Tensor>> {
  const out: Record<string, Tensor> = {};
  for (const [name, rows] of targets) {
    const { data } = await rows.read(start, count);
    const dims = [count, ...(rows.dims ?? [data.length / count])];
    out[name] = asTensor('float32', dims, toFed({ stored: rows.dtype, wanted: 'float32' }, data));
  }
  return out;
}
