import { fail } from '../../tensor/index.ts';
import { type FormatName, formats } from './formats.ts';

/** What formats are called elsewhere, and for short. */
const elsewhere: Readonly<Record<string, FormatName>> = {
  fp8: 'e4m3fn',
  fp8_e4m3: 'e4m3fn',
  fp8_e4m3fn: 'e4m3fn',
  float8_e4m3fn: 'e4m3fn',
  float8e4m3fn: 'e4m3fn',
  float8_e4m3fnuz: 'e4m3fnuz',
  fp8_e5m2: 'e5m2',
  float8_e5m2: 'e5m2',
  float8e5m2: 'e5m2',
  float8_e5m2fnuz: 'e5m2fnuz',
  fp6: 'e3m2',
  fp4_e2m1: 'e2m1',
  mxfp8: 'mxfp8_e4m3',
  mxfp6: 'mxfp6_e3m2',
  fp16: 'float16',
  f16: 'float16',
  half: 'float16',
  bf16: 'bfloat16',
};

/** The name of a format that a user gave. @throws name/unknown with what it is called here, or the nearest one */
export function formatNamed(name: string, known: readonly string[] = Object.keys(formats)): FormatName {
  if (known.includes(name)) return name as FormatName;
  const called = Object.hasOwn(elsewhere, name) ? elsewhere[name] : undefined;
  return fail('name/unknown', {
    what: 'format',
    got: name,
    known,
    list: 'lowbit formats',
    ...(called && { called }),
  });
}
