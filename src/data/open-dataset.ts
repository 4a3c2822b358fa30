import { openLocation } from '#data-platform';
import type { PortInfo } from '../runtime/index.ts';
import { fail, lookUp } from '../tensor/index.ts';
import { bindDataset } from './bind-dataset.ts';
import { type DataFolder, safeLocation } from './data-folder.ts';
import type { Dataset } from './dataset.ts';
import { type ArraySpec, type DatasetSpec, type InputSpec, parseDatasetSpec } from './dataset-spec.ts';
import { guessSpec } from './guess-spec.ts';
import { readLabels } from './read-labels.ts';
import { formatOf, readerOf } from './readers/readers.ts';
import { concatenateRows, type Rows } from './rows.ts';

/** What the files themselves do not say. */
export interface DatasetOptions {
  /** The description itself, instead of a dataset.json beside the data. Files lie in the data's folder. */
  readonly spec?: DatasetSpec;
  /** File of the labels inside the folder, where there is no description. */
  readonly labels?: string;
  /** Use at most so many samples, from the first. */
  readonly samples?: number;
  /** Outputs of the model: labels are checked against the number of classes. */
  readonly outputs?: readonly PortInfo[];
}

/** A dataset.json is a page of text; more is not one. */
const maxSpecBytes = 2 ** 20;

/**
 * Opens a dataset and binds it to the inputs of a model. `path`: a folder with a dataset.json, a
 * description file, a single data file, or a folder of files; `path#name` opens a named split. What is
 * not described is guessed from the model's inputs where that is safe, and told in `guesses`.
 * @throws data/* when the data is missing, damaged, ambiguous, or does not fit the model.
 * @example const data = await openDataset('cifar10/#test', session.inputs);
 */
export async function openDataset(
  path: string | DataFolder,
  ports: readonly PortInfo[],
  options: DatasetOptions = {},
): Promise<Dataset> {
  const [location, split] = typeof path === 'string' ? splitOf(path) : [path, undefined];
  const place = typeof location === 'string' ? await openLocation(location) : { folder: location };
  const { folder, file } = place as { folder: DataFolder; file?: string };
  const given = options.spec ?? (await specIn(folder, file));
  const found =
    given !== undefined
      ? { spec: given, guesses: [] }
      : await guessSpec({ folder, file, ports, labels: options.labels });
  const { spec } = found;
  const name = spec.name ?? (typeof location === 'string' ? location : location.name);
  const guessing = given === undefined;
  const specName = options.spec === undefined ? 'dataset.json' : 'the data description';
  const context = { folder, file, specName, labelNames: await labelNamesOf(spec, folder, specName) };

  const rows = new Map<string, Rows>();
  for (const [input, entry] of Object.entries(spec.inputs)) {
    if (entry.value !== undefined || entry.mask !== undefined || entry.like !== undefined) continue;
    const port = ports.find((p) => p.name === input) ?? (ports.length === 1 ? ports[0] : undefined);
    rows.set(input, await openArray(context, entry, { shape: shapeFrom(port, entry) }));
  }
  const targets = new Map<string, Rows>();
  for (const [output, entry] of Object.entries(spec.targets ?? {})) {
    const port = options.outputs?.find((p) => p.name === output);
    targets.set(output, await openArray(context, entry, { shape: shapeFrom(port, {}) }));
  }
  const range = split === undefined ? undefined : lookUp('split', spec.splits ?? {}, split);
  const classes = classesOf(options.outputs, spec.output);
  const labelRows = await openLabels(context, spec, rows);
  const labels = labelRows && (await readLabels(labelRows, context.labelNames ?? labelRows.names, classes));
  return bindDataset({
    name: split === undefined ? name : `${name}#${split}`,
    spec,
    ports,
    rows,
    labels,
    targets,
    guesses: found.guesses,
    guessing,
    range: capped(range, rows, options.samples),
  });
}

/** 'data/#test' -> ['data/', 'test']. */
function splitOf(path: string): [string, string | undefined] {
  const at = path.lastIndexOf('#');
  return at < 0 ? [path, undefined] : [path.slice(0, at), path.slice(at + 1)];
}

/** The description that lies in the folder, or that the path itself names. */
async function specIn(folder: DataFolder, file: string | undefined): Promise<DatasetSpec | undefined> {
  const path = file ?? 'dataset.json';
  if (!path.endsWith('.json')) return undefined;
  if (file === undefined && !(await folder.list()).some((e) => e.path === path)) return undefined;
  const source = await folder.open(path);
  if (source.size > maxSpecBytes) return undefined;
  const text = new TextDecoder().decode(await source.read(0, source.size));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    fail('data/malformed', { file: path, what: `it is no valid JSON: ${(cause as Error).message}` }, cause);
  }
  // A list is data (token ids), not a description.
  return Array.isArray(value) ? undefined : parseDatasetSpec(value, path);
}

interface OpenContext {
  readonly folder: DataFolder;
  readonly file: string | undefined;
  readonly specName: string;
  readonly labelNames: readonly string[] | undefined;
}

async function openArray(
  { folder, file, specName, labelNames }: OpenContext,
  entry: ArraySpec & Partial<InputSpec>,
  how: { shape?: readonly number[]; labels?: boolean },
): Promise<Rows> {
  const said = entry.file ?? file;
  if (said === undefined) fail('data/needs', { file: specName, what: '"file"' });
  const parts: Rows[] = [];
  for (const location of typeof said === 'string' ? [said] : said) {
    const path = safeLocation(specName, location) || '.';
    const reader = readerOf(formatOf(path, entry.format));
    parts.push(await reader.open({ folder, path, spec: entry, labelNames, ...how }));
  }
  return concatenateRows(parts);
}

/** Labels of their own file, or of the class folders that the pictures lie in. */
async function openLabels(
  context: OpenContext,
  spec: DatasetSpec,
  rows: ReadonlyMap<string, Rows>,
): Promise<Rows | undefined> {
  if (spec.labels === undefined) return undefined;
  if (spec.labels.folders !== true) return openArray(context, spec.labels, { shape: [], labels: true });
  const [input] = rows.keys();
  const pictures = spec.inputs[input!]!;
  return openArray(context, { ...pictures, ...spec.labels }, { labels: true });
}

async function labelNamesOf(
  { labelNames }: DatasetSpec,
  folder: DataFolder,
  specName: string,
): Promise<readonly string[] | undefined> {
  if (labelNames === undefined || Array.isArray(labelNames)) return labelNames;
  const source = await folder.open(safeLocation(specName, (labelNames as { file: string }).file));
  if (source.size > maxSpecBytes) {
    fail('data/too-large', {
      file: source.name,
      what: 'its size in bytes',
      got: source.size,
      limit: maxSpecBytes,
    });
  }
  const text = new TextDecoder().decode(await source.read(0, source.size));
  return text.split(/\r?\n/).filter((line) => line !== '');
}

/** Shape of one stored sample where only the model tells it; file order where the layouts differ. */
function shapeFrom(port: PortInfo | undefined, entry: Partial<InputSpec>): readonly number[] | undefined {
  const dims = port?.shape.slice(1);
  if (dims === undefined || !dims.every((d) => typeof d === 'number' && d > 0)) return undefined;
  const [a, b, c] = dims as number[];
  const modelLayout = entry.modelLayout ?? (a! <= 4 && c! > 4 ? 'NCHW' : 'NHWC');
  if (dims.length !== 3 || entry.layout === undefined || entry.layout === modelLayout)
    return dims as number[];
  return entry.layout === 'NHWC' ? [b!, c!, a!] : [c!, a!, b!];
}

/** Classes that the output tells apart; one column is a yes or no. */
function classesOf(outputs: readonly PortInfo[] | undefined, name: string | undefined): number | undefined {
  const last = (outputs?.find((o) => o.name === name) ?? outputs?.[0])?.shape.at(-1);
  if (typeof last !== 'number' || last < 1) return undefined;
  return Math.max(2, last);
}

function capped(
  range: readonly [number, number] | undefined,
  rows: ReadonlyMap<string, Rows>,
  samples: number | undefined,
): readonly [number, number] | undefined {
  if (samples === undefined) return range;
  const [from, to] = range ?? [0, [...rows.values()][0]?.count ?? 0];
  return [from, Math.min(to, from + samples)];
}
