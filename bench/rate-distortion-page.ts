import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { markdownTable } from 'lowbit/report';
import { projectFile } from '../examples/glyphs/project-file.ts';
import { type Picture, type Point, rateDistortionSvg } from './rate-distortion-picture.ts';

/** What was measured on one model; kept in a file, so that a run that was cut off goes on. */
export interface Measured {
  readonly name: string;
  readonly metric: string;
  readonly higherIsBetter: boolean;
  /** Of how much data the metric is. */
  readonly measuredOn: string;
  /** Samples of an accuracy, for its standard error. */
  readonly samples?: number;
  readonly weights: number;
  readonly values: number;
  readonly float: number;
  readonly points: readonly Point[];
}

/** SQNR without error: more than float32 can tell. */
export const EXACT = 200;

const keptFile = (name: string) => projectFile(`out/bench/rate-distortion-${name}.json`);
const pictureFile = (name: string) => `rate-distortion-${name}.svg`;

export function readMeasured(name: string): Measured | undefined {
  const file = keptFile(name);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

export function keepMeasured(measured: Measured): void {
  writeFileSync(keptFile(measured.name), JSON.stringify(measured));
}

/** Schemes that one looks for first: shown of all models side by side. */
const prominent = [
  'int8/channel',
  'int8/channel+rans',
  'gguf:q4_k',
  'int4/32:asymmetric',
  'int4/64',
  'nf4/64',
  'nf4/64+double',
  'int4/64+outliers=0.5%',
  'mxfp4/32',
  'nvfp4/16',
  'kmeans4/channel',
  'kmeans4/channel+rans',
  'kmeans4/tensor+rans',
  'kmeans5/tensor+rans',
  'int4/channel+rans',
  'vq2x8/tensor',
  'int3/64:asymmetric',
  'kmeans3/channel+rans',
  'gguf:q3_k',
  'vq2x6/tensor',
  'int2/32:asymmetric',
  'gguf:q2_k',
  'vq4x8/tensor',
  'ternary/64',
];

/** Between these two lines of docs/formats.md stands what `page` makes. */
const FIRST = '<!-- made by `npm run bench -- rate-distortion docs` -->';
const LAST = '<!-- end of what the command made -->';

/** Puts tables and pictures of what was measured into the documentation. */
export function writeIntoDocs(models: readonly Measured[]): void {
  const file = projectFile('docs/formats.md');
  const text = readFileSync(file, 'utf8');
  const [from, to] = [text.indexOf(FIRST), text.indexOf(LAST)];
  if (from < 0 || to < from) throw new Error(`docs/formats.md has no lines ${FIRST} and ${LAST}`);
  writeFileSync(file, `${text.slice(0, from)}${FIRST}\n\n${page(models)}\n${text.slice(to)}`);
  for (const { name } of models)
    copyFileSync(projectFile(`out/bench/${pictureFile(name)}`), projectFile(`docs/${pictureFile(name)}`));
}

/** Tables and pictures of one model or several, as Markdown; the pictures are left under out/bench/. */
export function page(models: readonly Measured[]): string {
  const pictures = models.map(pictureOf);
  for (const picture of pictures)
    writeFileSync(projectFile(`out/bench/${pictureFile(picture.name)}`), rateDistortionSvg(picture));
  return [
    ...pictures.map(
      ({ name }) => `![${name}: bits per weight against SQNR and the task](${pictureFile(name)})\n`,
    ),
    'A few of them: bits per weight / SQNR in dB / the task.\n',
    sideBySide(models),
    ...pictures.map(frontsOf),
    ...models.map((model, i) => allPoints(model, pictures[i]!)),
  ].join('\n');
}

function sideBySide(models: readonly Measured[]): string {
  const figures = ({ points }: Measured, scheme: string) => {
    const point = points.find((p) => p.scheme === scheme);
    return point ? `${point.bits.toFixed(2)} / ${decibels(point, 1)} / ${figure(point.metric)}` : '';
  };
  return markdownTable(
    [
      { title: 'scheme', cell: (scheme: string) => `\`${scheme}\`` },
      ...models.map((model) => ({
        title: `${model.name}, float ${figure(model.float)}`,
        cell: (scheme: string) => figures(model, scheme),
      })),
    ],
    prominent.filter((scheme) => models.some(({ points }) => points.some((p) => p.scheme === scheme))),
  );
}

function frontsOf({ name, metric, points, fronts }: Picture): string {
  const named = (front: ReadonlySet<Point>) =>
    points
      .filter((p) => front.has(p))
      .toReversed()
      .map(({ scheme }) => `\`${scheme}\``)
      .join(', ');
  return `On ${name} the front of SQNR is, from few bits to many: ${named(fronts[0])}; that of ${metric}: ${named(fronts[1])}.\n`;
}

function allPoints(model: Measured, { points, metric, fronts }: Picture): string {
  const { name, weights, values, measuredOn, samples, float } = model;
  const error = samples
    ? `, standard error ${(100 * Math.sqrt((float * (1 - float)) / samples)).toFixed(1)} points`
    : '';
  const what = `${(values / 1e6).toFixed(1)} M values of ${weights} weights; ${metric} on ${measuredOn}${error}; float ${figure(float)}`;
  const table = markdownTable(
    [
      { title: 'scheme', cell: (p: Point) => `\`${p.scheme}\`` },
      { title: 'bits per weight', cell: (p: Point) => p.bits.toFixed(3) },
      { title: 'SQNR, dB', cell: (p: Point) => decibels(p, 2) },
      { title: metric, cell: (p: Point) => figure(p.metric) },
      {
        title: 'on the front of',
        cell: (p: Point) =>
          [fronts[0].has(p) && 'SQNR', fronts[1].has(p) && metric].filter(Boolean).join(', '),
      },
    ],
    points,
  );
  return `<details><summary>${name}: all ${points.length} points (${what})</summary>\n\n${table}\n</details>\n`;
}

/** The points from many bits to few, and those that no other beats at as few bits. */
function pictureOf({ name, metric, float, higherIsBetter, points: found }: Measured): Picture {
  const points = found.toSorted((a, b) => b.bits - a.bits);
  const bySqnr = front(points, (p) => p.sqnrDb);
  const byTask = front(points, (p) => (higherIsBetter ? p.metric : -p.metric));
  return { name, metric, float, higherIsBetter, points, fronts: [bySqnr, byTask] };
}

function front(found: readonly Point[], quality: (p: Point) => number): Set<Point> {
  const beats = (q: Point, p: Point) =>
    q.bits <= p.bits && quality(q) >= quality(p) && (q.bits < p.bits || quality(q) > quality(p));
  return new Set(found.filter((p) => !found.some((q) => q !== p && beats(q, p))));
}

const decibels = ({ sqnrDb }: Point, digits: number): string =>
  sqnrDb < EXACT ? sqnrDb.toFixed(digits) : 'exact';
/** A perplexity, or an accuracy in percent. */
const figure = (value: number): string => (value >= 1 ? value.toFixed(3) : `${(100 * value).toFixed(2)} %`);

/** A point on one line, for the log of a run. */
export const line = (p: Point): string =>
  [p.scheme, p.bits.toFixed(3), decibels(p, 2), figure(p.metric)].join('  ');
