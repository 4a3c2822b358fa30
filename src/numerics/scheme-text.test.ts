import { expect, test } from 'vitest';
import { parseScheme, schemeAt, schemeText, splitSchemes } from './index.ts';

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
  ];
  expect(cases.map(refusal)).toMatchInlineSnapshot(`
    [
      "The scheme '' cannot be read: it is not of the form format/granularity:options+parts. Write it as nf4/64, int8/channel, e4m3fn/128x128 or int4/128:asymmetric,range=mse+outliers=0.5%.",
      "The scheme 'nf4//' cannot be read: it is not of the form format/granularity:options+parts. Write it as nf4/64, int8/channel, e4m3fn/128x128 or int4/128:asymmetric,range=mse+outliers=0.5%.",
      "The scheme 'nf4/0' cannot be read: '0' is none of tensor, channel, token, a group size, 128x128. Write it as nf4/64, int8/channel, e4m3fn/128x128 or int4/128:asymmetric,range=mse+outliers=0.5%.",
      "The scheme 'nf4/half' cannot be read: 'half' is none of tensor, channel, token, a group size, 128x128. Write it as nf4/64, int8/channel, e4m3fn/128x128 or int4/128:asymmetric,range=mse+outliers=0.5%.",
      "Unknown format 'nf9'. Did you mean 'nf4'? Known: int8, uint8, int4, uint4, int2, uint2, int16, uint16, float16, bfloat16, e4m3fn, e5m2, nf4.",
      "Unknown range 'max'. Known: min-max, mse, octav.",
      "The scheme 'int4+outliers=2' cannot be read: 'outliers=2' has no value that makes sense. Write it as nf4/64, int8/channel, e4m3fn/128x128 or int4/128:asymmetric,range=mse+outliers=0.5%.",
      "The scheme 'int4+lowrank=0' cannot be read: 'lowrank=0' has no value that makes sense. Write it as nf4/64, int8/channel, e4m3fn/128x128 or int4/128:asymmetric,range=mse+outliers=0.5%.",
    ]
  `);
});
