/** The menu of formats and the picture of a distribution, as a user sees them. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DistributionRecord } from 'lowbit';
import { type FormatDetails, formats, type MenuEntry } from 'lowbit/numerics';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { projectFile } from '../../examples/glyphs/project-file.ts';
import { runLowbit } from '../run-lowbit.ts';

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'lowbit-formats-cli-'));
});
afterAll(() => rm(cwd, { recursive: true }));

const glyphs = projectFile('examples/glyphs/glyphs.onnx');
const stdoutOf = async (...args: string[]) => {
  const { code, stdout, stderr } = await runLowbit(args, { cwd });
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
};

test('the menu names every format, its family and who runs it', async () => {
  const menu = JSON.parse(await stdoutOf('formats', '--json')) as MenuEntry[];
  expect(menu.map((e) => e.name)).toEqual(expect.arrayContaining(Object.keys(formats)));
  for (const { runs, needs, source, description } of menu)
    for (const text of [runs, needs, source, description]) expect(text.length).toBeGreaterThan(4);
  const text = await stdoutOf('formats');
  expect(text).toContain('int1 to int16');
  expect(text).toContain('gguf:q4_k');
  for (const family of new Set(menu.map((e) => e.family))) expect(text).toContain(family);
});

test('one format with its levels drawn', async () => {
  expect(await stdoutOf('formats', 'nf4')).toMatchInlineSnapshot(`
    "nf4
    4 bits, levels at quantiles of the normal distribution, one of them exactly 0.

    family            normal floats: Levels at quantiles of the normal distribution: each is used
                      equally often by bell-shaped weights.
    bits per weight   4, scales apart
    levels            16; zero is one of them
    block             as you choose: tensor, channel, group
    needs             nothing
    runs on           bitsandbytes (nf4), ONNX Runtime by way of Gather
    source            Dettmers et al. 2023 (QLoRA), arXiv 2305.14314
    range by default  min-max
    largest move      0.152 of the block's largest magnitude

    ┼──────────────┼────────┼─────┼────┼────┼────┼────┼──┼───┼────┼───┼────┼─────┼───────┼─────────────┼
    -1                                                0                                                1

    -1  -0.696193  -0.525073  -0.394917  -0.284441  -0.184773  -0.09105  0  0.0795803  0.16093  0.246112
     0.337915  0.44071  0.562617  0.722957  1
    "
  `);
  const details = JSON.parse(await stdoutOf('formats', 'kmeans2', '--json')) as FormatDetails;
  expect(details.learned).toBe(true);
  // Lloyd and Max's levels of a bell curve: 0.4528 and 1.510, over the larger.
  const [a, b, c, d] = details.levels;
  expect(Math.max(Math.abs(a!), d!)).toBe(1);
  expect(b! / a!).toBeCloseTo(0.3, 1);
  expect(c! / d!).toBeCloseTo(0.3, 1);
  expect(await stdoutOf('formats', 'GGUF:Q4_K')).toContain('4.5, scales included');
});

test('an unknown format is refused with the nearest one', async () => {
  const { code, stderr } = await runLowbit(['formats', 'nf44'], { cwd });
  expect(code).toBe(2);
  expect(stderr).toContain("Did you mean 'nf4'?");
  expect((await runLowbit(['formats', 'mxfp8'], { cwd })).stderr).toContain("it is called 'mxfp8_e4m3' here");
  expect(await stdoutOf('formats', 'nf4/64')).toBe(await stdoutOf('formats', 'nf4'));
});

test('a distribution: picture, figures, SVG and record say the same', async () => {
  const args = [
    'distribution',
    glyphs,
    '--formats',
    'int8/channel,int4/64:asymmetric,range=mse,kmeans3/channel+rans',
  ];
  const record = JSON.parse(await stdoutOf(...args, '--json')) as DistributionRecord;
  const [int8, int4] = record.formats as [DistributionRecord['formats'][0], DistributionRecord['formats'][0]];
  expect(record.formats.map((f) => f.scheme)).toEqual([
    'int8/channel',
    'int4/64:asymmetric,range=mse',
    'kmeans3/channel+rans',
  ]);
  const { counts, values } = record.distribution;
  expect(counts.reduce((a, b) => a + b)).toBe(values);
  expect(int8.sqnrDb).toBeGreaterThan(int4.sqnrDb + 10);
  expect(int4.levels.length).toBe(16);
  expect(int4.bitsPerWeight).toBeGreaterThan(4.5);

  const text = await stdoutOf(...args, '--svg', 'picture.svg');
  expect(text).toContain(record.tensor.name);
  expect(text).toContain(int8.sqnrDb.toFixed(2));
  const drawn = text.split('\n').filter((line) => /^int4\/64.*[┼╫█]/.test(line));
  expect(drawn).toHaveLength(1);
  const svg = await readFile(join(cwd, 'picture.svg'), 'utf8');
  expect(svg).toMatch(/^<svg /);
  expect(svg).toContain(`${int8.sqnrDb.toFixed(1)} dB`);
});

test('a tensor that is not there is refused with those that are', async () => {
  const { code, stderr } = await runLowbit(['distribution', glyphs, '--tensor', 'fc'], { cwd });
  expect(code).toBe(2);
  expect(stderr).toMatch(
    /^error: The model has no tensor 'fc'\. .*It has: .*lowbit inspect --tensors lists them\.$/,
  );
});
