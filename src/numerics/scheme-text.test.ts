import { expect, test } from 'vitest';
import type { FitChoice } from './formats/number-format.ts';
import type { SchemeOption } from './formats/scheme-options.ts';
import {
  dequantizeComposite,
  type FormatName,
  formatMenu,
  formats,
  type NumberFormat,
  parseScheme,
  perTensor,
  quantizeComposite,
  quantizeTensor,
  roundTrip,
  schemeAt,
  schemeText,
  splitSchemes,
} from './index.ts';

test('a scheme is read, placed on axes, and written back', () => {
  for (const text of [
    'nf4/64',
    'int8/channel',
    'e4m3fn/tensor',
    'e4m3fn/128x128',
    'int8/token',
    'int4/128:asymmetric,range=mse,scale=float16,rounding=stochastic,seed=7',
    'nf4/64+double+outliers=0.5%+lowrank=8+rans',
    'int4/32+outliers=3.5sd',
    'int4/32+sensitive=1%',
    'int8/channel+columns=6',
    'nf4/64+double=e4m3fn/128',
    'int4/32+double=uint8/256:keepmean:asymmetric+lowrank=2',
  ]) {
    const request = parseScheme(text);
    expect(schemeText(request)).toBe(text);
    expect(parseScheme(schemeText(request))).toEqual(request);
  }
  expect(schemeText(parseScheme('nf4'))).toBe('nf4/64');
  expect(schemeText(parseScheme('int8'))).toBe('int8/channel');
  expect(schemeText(parseScheme('kmeans4'))).toBe('kmeans4/tensor');
  expect(schemeText(parseScheme('float16/64'))).toBe('float16/tensor');
  expect(parseScheme('int4/group=32').granularity).toEqual({ kind: 'per-group', size: 32 });
  expect(splitSchemes('nf4/64, int4/64:asymmetric,range=mse+outliers=1%,int8,e4m3fn/128x128')).toEqual([
    'nf4/64',
    'int4/64:asymmetric,range=mse+outliers=1%',
    'int8',
    'e4m3fn/128x128',
  ]);
  const axes = { channel: 0, group: 1 };
  expect(schemeAt(parseScheme('int4/32:asymmetric'), axes)).toEqual({
    format: 'int4',
    symmetric: false,
    granularity: { kind: 'per-group', axis: 1, size: 32 },
  });
  // Outlier columns are those of the inputs, wherever these lie.
  expect(schemeAt(parseScheme('int8/channel+columns=6'), { channel: 1, group: 0 }).outliers).toEqual({
    by: 'column',
    magnitude: 6,
    axis: 0,
  });
  expect(parseScheme('nf4/64+double').double).toEqual({ format: 'dynamic8', block: 256, removeMean: true });
  expect(parseScheme('nf4/64+double=dynamic8')).toEqual(parseScheme('nf4/64+double'));
  for (const text of ['int8/0', 'int8/64:half', '/64'])
    expect(() => parseScheme(`nf4/64+double=${text}`)).toThrow();
  expect(schemeAt(parseScheme('int8/channel'), axes).granularity).toEqual({ kind: 'per-channel', axis: 0 });
});

test('texts that mean nothing are refused by their fault', () => {
  const refusal = (text: string) => {
    try {
      parseScheme(text);
      return 'taken';
    } catch (error) {
      return (error as Error).message;
    }
  };
  const cases = [
    '',
    'nf4//',
    'nf4/0',
    'nf4/half',
    'nf9',
    'int4:range=max',
    'int4+outliers=2',
    'int4+lowrank=0',
    'nf4/64+double=',
    'nf4/64+double=/64',
    'nf4/64+double=int8/0',
    'nf4/64+double=int8/64:half',
    'nf4/64+double=dynamic',
    'nf4/64+double=fp8/64',
    'nf4/64+double=itn8/64',
    'nf4/64+dobule',
    'n4f/64',
    'int4+sensitive=2',
    'int4+sensitive=',
    'int4+columns=many',
    'int4+rans=8',
    'int4:asymmetric=real',
    'int4:rounding=stochastic,seed=',
  ];
  expect(cases.map(refusal)).toMatchInlineSnapshot(`
    [
      "The scheme '' cannot be read: it is not of the form format/granularity:options+parts. Write it as nf4/64, int8/channel, e4m3fn/128x128 or int4/128:asymmetric,range=mse+outliers=0.5%.",
      "The scheme 'nf4//' cannot be read: it is not of the form format/granularity:options+parts. Write it as nf4/64, int8/channel, e4m3fn/128x128 or int4/128:asymmetric,range=mse+outliers=0.5%.",
      "The scheme 'nf4/0' cannot be read: '0' is none of tensor, channel, token, a group size, 128x128. Write it as nf4/64, int8/channel, e4m3fn/128x128 or int4/128:asymmetric,range=mse+outliers=0.5%.",
      "The scheme 'nf4/half' cannot be read: 'half' is none of tensor, channel, token, a group size, 128x128. Write it as nf4/64, int8/channel, e4m3fn/128x128 or int4/128:asymmetric,range=mse+outliers=0.5%.",
      "Unknown format 'nf9'. Did you mean 'nf2'? lowbit formats lists them.",
      "Unknown range 'max'. Known: min-max, abs-max, percentile, mse, octav, kl, hqq.",
      "The scheme 'int4+outliers=2' cannot be read: 'outliers=2' has no value that makes sense; wanted outliers=0.5% or outliers=3sd. Write it as nf4/64, int8/channel, e4m3fn/128x128 or int4/128:asymmetric,range=mse+outliers=0.5%.",
      "The scheme 'int4+lowrank=0' cannot be read: 'lowrank=0' has no value that makes sense; wanted lowrank=8. Write it as nf4/64, int8/channel, e4m3fn/128x128 or int4/128:asymmetric,range=mse+outliers=0.5%.",
      "The scheme 'nf4/64+double=' cannot be read: 'double=' has no value that makes sense; wanted double, or double=int8/256:keepmean:asymmetric (a format, a block size). Write it as nf4/64, int8/channel, e4m3fn/128x128 or int4/128:asymmetric,range=mse+outliers=0.5%.",
      "The scheme 'nf4/64+double=/64' cannot be read: 'double=/64' has no value that makes sense; wanted double, or double=int8/256:keepmean:asymmetric (a format, a block size). Write it as nf4/64, int8/channel, e4m3fn/128x128 or int4/128:asymmetric,range=mse+outliers=0.5%.",
      "The scheme 'nf4/64+double=int8/0' cannot be read: 'double=int8/0' has no value that makes sense; wanted double, or double=int8/256:keepmean:asymmetric (a format, a block size). Write it as nf4/64, int8/channel, e4m3fn/128x128 or int4/128:asymmetric,range=mse+outliers=0.5%.",
      "The scheme 'nf4/64+double=int8/64:half' cannot be read: 'double=int8/64:half' has no value that makes sense; wanted double, or double=int8/256:keepmean:asymmetric (a format, a block size). Write it as nf4/64, int8/channel, e4m3fn/128x128 or int4/128:asymmetric,range=mse+outliers=0.5%.",
      "Unknown format 'dynamic'. Did you mean 'dynamic8'? lowbit formats lists them.",
      "Unknown format 'fp8': it is called 'e4m3fn' here. lowbit formats lists them.",
      "Unknown format 'itn8'. Did you mean 'int8'? lowbit formats lists them.",
      "Unknown part of a scheme 'dobule'. Did you mean 'double'? Known: double, outliers, sensitive, columns, lowrank, rans.",
      "Unknown format 'n4f'. Did you mean 'nf4'? lowbit formats lists them.",
      "The scheme 'int4+sensitive=2' cannot be read: 'sensitive=2' has no value that makes sense; wanted sensitive=0.5%. Write it as nf4/64, int8/channel, e4m3fn/128x128 or int4/128:asymmetric,range=mse+outliers=0.5%.",
      "The scheme 'int4+sensitive=' cannot be read: 'sensitive=' has no value that makes sense; wanted sensitive=0.5%. Write it as nf4/64, int8/channel, e4m3fn/128x128 or int4/128:asymmetric,range=mse+outliers=0.5%.",
      "The scheme 'int4+columns=many' cannot be read: 'columns=many' has no value that makes sense; wanted columns or columns=6. Write it as nf4/64, int8/channel, e4m3fn/128x128 or int4/128:asymmetric,range=mse+outliers=0.5%.",
      "The scheme 'int4+rans=8' cannot be read: 'rans' takes no value, and 'rans=8' gives one. Write it as nf4/64, int8/channel, e4m3fn/128x128 or int4/128:asymmetric,range=mse+outliers=0.5%.",
      "The scheme 'int4:asymmetric=real' cannot be read: 'asymmetric' takes no value, and 'asymmetric=real' gives one. Write it as nf4/64, int8/channel, e4m3fn/128x128 or int4/128:asymmetric,range=mse+outliers=0.5%.",
      "The scheme 'int4:rounding=stochastic,seed=' cannot be read: 'seed=' has no value that makes sense; wanted seed=7. Write it as nf4/64, int8/channel, e4m3fn/128x128 or int4/128:asymmetric,range=mse+outliers=0.5%.",
    ]
  `);
});

test('the range of a scheme as text reaches the codes, from the library too', async () => {
  const values = Float32Array.from({ length: 256 }, (_, i) => Math.sin(i * i) ** 3);
  const at = (text: string) => schemeAt(parseScheme(text), { channel: 0, group: 1 });
  for (const text of ['int4/64:range=min-max', 'int4/64:range=min-max+double', 'nf4/64:range=mse']) {
    const said = await quantizeComposite(values, [2, 128], at(text));
    const plain = at(text.replace(/:range=[a-z-]+/, ''));
    const { range } = parseScheme(text);
    const told = await quantizeComposite(values, [2, 128], plain, { range: range! });
    expect(said.scheme.range).toBe(range);
    expect(said.base.scale).toEqual(told.base.scale);
    expect(said.base.codes).toEqual(told.base.codes);
    expect(said.base.scale).not.toEqual((await quantizeComposite(values, [2, 128], plain)).base.scale);
    const trip = await roundTrip(text, { values, dims: [2, 128], axes: { channel: 0, group: 1 } });
    expect(trip.values).toEqual(dequantizeComposite(said));
  }
});

test('a format that is not there is refused by name, from the library too', async () => {
  const scheme = { format: 'nf99' as FormatName, granularity: perTensor, symmetric: true };
  for (const quantize of [quantizeTensor, quantizeComposite])
    await expect(quantize(new Float32Array(4), [4], scheme)).rejects.toMatchObject({ code: 'name/unknown' });
});

test('options that a format does not read, and what is said twice, are refused', async () => {
  const refused = {
    'nf4/64:asymmetric': "nf4 does not read 'asymmetric'; it reads symmetric, pot, range, scale",
    'kmeans4:asymmetric': "kmeans4 does not read 'asymmetric'; it reads symmetric, scale",
    'mxfp4:scale=float32': "mxfp4 does not read 'scale'; it reads symmetric, range",
    'nf4/64:range=hqq': 'nf4 finds no range by hqq; it knows min-max, abs-max, mse',
    'int2/64:reduced': "int2 does not read 'reduced'",
    'int4/64:range=mse,range=hqq': "'range=mse' and 'range=hqq' say the same thing twice",
    'int4/64:symmetric,asymmetric': "'symmetric' and 'asymmetric' say the same thing twice",
    'nf4/64+double+double': "'double' and 'double' say the same thing twice",
    'int4/64+outliers=1%+columns=6': "'outliers=1%' and 'columns=6' say the same thing twice",
    'int4/64:seed=3': "'seed' is for rounding=stochastic",
    'int4/64:zero=real': "'zero=real' is for asymmetric",
  };
  for (const [text, what] of Object.entries(refused)) expect(() => parseScheme(text), text).toThrow(what);

  // What a row says that it does not read indeed changes nothing.
  const values = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i * i) * 3);
  const changes: readonly [SchemeOption, FitChoice][] = [
    ['symmetric', { symmetric: false }],
    ['reduced', { reduced: true }],
    ['powerOfTwo', { powerOfTwo: true }],
    ['scaleType', { scaleType: 'float16' }],
    ['range', { range: 'mse' }],
    ['zero', { symmetric: false, zero: 'real' }],
  ];
  for (const row of Object.values<NumberFormat>(formats)) {
    const layout = { rows: 1, length: 64, block: row.block === 'free' ? 64 : row.block };
    const plain = await row.encode(values, layout, undefined, { symmetric: true });
    for (const [option, choice] of changes) {
      if (row.reads.includes(option)) continue;
      const told = await row.encode(values, layout, undefined, { symmetric: true, ...choice });
      expect(told, `${row.name} ${option}`).toEqual(plain);
    }
  }
});

test('names from elsewhere are told what they are called here', () => {
  const called = {
    mxfp8: 'mxfp8_e4m3',
    fp8: 'e4m3fn',
    fp8_e4m3: 'e4m3fn',
    float8_e4m3fn: 'e4m3fn',
    bf16: 'bfloat16',
  };
  for (const [name, here] of Object.entries(called))
    expect(() => parseScheme(`${name}/tensor`)).toThrow(
      `Unknown format '${name}': it is called '${here}' here.`,
    );
});

test('a width says who runs it, where its family does not', () => {
  const runs = Object.fromEntries(formatMenu().map((e) => [e.name, e.runs]));
  for (const name of ['int3', 'int5', 'uint7', 'int12'])
    expect(runs[name]).not.toMatch(/QDQ|MatMulNBits|TFLite/);
  expect([runs.int4, runs.int8]).toEqual(Array(2).fill(expect.stringContaining('QDQ, MatMulNBits')));
});
