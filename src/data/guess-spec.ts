import type { PortInfo } from '../runtime/index.ts';
import { fail } from '../tensor/index.ts';
import type { DataEntry, DataFolder } from './data-folder.ts';
import type { DatasetSpec, InputSpec, LabelSpec } from './dataset-spec.ts';
import type { DataFormat } from './readers/format-names.ts';
import { pictureExtensions } from './readers/images.ts';
import type { InputHints } from './readers/reader.ts';
import { formatByName, readerOf } from './readers/readers.ts';

interface GuessRequest {
  readonly folder: DataFolder;
  readonly file: string | undefined;
  readonly ports: readonly PortInfo[];
  readonly labels: string | undefined;
}

interface Guessed {
  readonly spec: DatasetSpec;
  readonly guesses: readonly string[];
}

/**
 * Describes data that nobody described, from file names and the model's inputs.
 * @throws data/not-guessed when more than one reading is possible.
 */
export async function guessSpec(request: GuessRequest): Promise<Guessed> {
  const { folder, ports } = request;
  const entries = await folder.list();
  const path = request.file ?? onlyDataFile(folder, entries);
  const guesses: string[] = [];
  const format = path === '.' ? 'images' : formatByName(path);
  const where = path === '.' ? folder.name : path;
  if (format === undefined) fail('data/not-guessed', { path: where, why: 'its name tells no known format' });
  const reader = readerOf(format);
  if (reader.arrays !== undefined) {
    const arrays = await reader.arrays(await folder.open(path));
    return {
      spec: specOfArrays(
        where,
        path,
        arrays.map((a) => a.key),
        ports,
        guesses,
      ),
      guesses,
    };
  }
  const port = mainPort(ports, where);
  const note = (text: string) => void guesses.push(text);
  const more = reader.guess?.({ path, where, picture: pictureOf(port), note });
  const input: InputSpec = { file: path, format, ...more };
  const labels =
    request.labels === undefined
      ? await guessLabels(folder, entries, path, format)
      : { file: request.labels };
  if (labels !== undefined) guesses.push(labelsText(labels, path));
  return { spec: { inputs: { [port.name]: input }, labels }, guesses };
}

/** The one data file of a folder, or '.' for a folder of pictures. */
function onlyDataFile(folder: DataFolder, entries: readonly DataEntry[]): string {
  const pictures = entries.filter((e) => pictureExtensions.some((end) => e.path.toLowerCase().endsWith(end)));
  const files = entries
    .map((e) => e.path)
    .filter((p) => !p.includes('/') && !p.endsWith('.onnx') && formatByName(p) !== undefined);
  const inputs = files.filter((p) => !isLabels(p) && !pictures.some((e) => e.path === p));
  if (entries.length === 0) fail('data/empty', { path: folder.name });
  if (inputs.length === 0 && pictures.length > 0) return '.';
  if (inputs.length === 1 && pictures.length === 0) return inputs[0]!;
  const shown = inputs.slice(0, 6).join(', ');
  const why =
    inputs.length > 1 ? `it holds ${shown}${inputs.length > 6 ? ', ...' : ''}` : 'it holds no known data';
  fail('data/not-guessed', { path: folder.name, why });
}

/** The input that data feeds: the only one that is no mask, state or setting. */
function mainPort(ports: readonly PortInfo[], where: string): PortInfo {
  const main = ports.filter((p) => !/(attention_mask|token_type_ids|segment_ids)$/.test(p.name));
  if (main.length === 1) return main[0]!;
  const names = main.map((p) => `'${p.name}'`).join(', ');
  fail('data/not-guessed', { path: where, why: `the model has ${main.length} inputs (${names})` });
}

/** Sizes of an input that looks like a picture: three dimensions, the channels before or behind. */
function pictureOf({ shape }: PortInfo): InputHints['picture'] {
  const dims = shape.slice(1);
  if (dims.length !== 3) return undefined;
  const [first, second, third] = dims;
  return isChannels(first)
    ? { channels: first, height: second, width: third, channelsFirst: true }
    : { channels: third, height: first, width: second, channelsFirst: false };
}

const isChannels = (d: unknown) => d === 1 || d === 3 || d === 4;

const labelKeys = ['labels', 'label', 'y', 'targets', 'target'];

function specOfArrays(
  where: string,
  path: string,
  keys: readonly string[],
  ports: readonly PortInfo[],
  guesses: string[],
): DatasetSpec {
  const labelKey = labelKeys.find((k) => keys.includes(k) && !ports.some((p) => p.name === k));
  const rest = keys.filter((k) => k !== labelKey);
  const inputs: Record<string, InputSpec> = {};
  for (const port of ports) if (rest.includes(port.name)) inputs[port.name] = { file: path, key: port.name };
  if (Object.keys(inputs).length === 0) {
    if (rest.length !== 1) {
      fail('data/not-guessed', {
        path: where,
        why: `its arrays are ${rest.join(', ')}; name them like the inputs`,
      });
    }
    inputs[mainPort(ports, where).name] = { file: path, key: rest[0]! };
  }
  if (labelKey !== undefined) guesses.push(`array '${labelKey}' of ${path} holds the labels`);
  return { inputs, labels: labelKey === undefined ? undefined : { file: path, key: labelKey } };
}

const isLabels = (path: string) => /labels?|targets?/i.test(path);

/** What is left of a file name when the word for its content is taken out: pairs share it. */
const stem = (path: string) =>
  path
    .toLowerCase()
    .replace(/images?|inputs?|features?|pixels|labels?|targets?/, '*')
    .replace(/idx\d/, 'idx')
    .replace(/(\.(u8|i8|u16|i16|i32|i64|f32|f64|npy|bin|txt))?(\.gz)?$/, '');

async function guessLabels(
  folder: DataFolder,
  entries: readonly DataEntry[],
  path: string,
  format: DataFormat,
): Promise<LabelSpec | undefined> {
  const reader = readerOf(format);
  if (await reader.hasLabels?.({ folder, path, spec: {} })) {
    return { file: path, format, ...(reader.labelsAreFolders && { folders: true }) };
  }
  const pair = entries.find((e) => e.path !== path && isLabels(e.path) && stem(e.path) === stem(path));
  if (pair === undefined || reader.labelsAreFolders) return undefined;
  return { file: pair.path };
}

function labelsText(labels: LabelSpec, path: string): string {
  if (labels.folders === true) return 'the folders that the pictures lie in are their classes, by name';
  return labels.file === path
    ? `labels lie in ${path} beside the inputs`
    : `labels are read from ${labels.file}`;
}
