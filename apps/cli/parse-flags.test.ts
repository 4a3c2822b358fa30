import { LowbitError } from 'lowbit/tensor';
import { expect, test } from 'vitest';
import type { Flags } from './flags.ts';
import { parseFlags } from './parse-flags.ts';

const flags: Flags = {
  model: { type: 'positional', description: '' },
  to: { type: 'string', description: '', list: true, valueHint: 'preset,...' },
  override: { type: 'string', description: '', repeat: true },
  form: { type: 'enum', description: '', options: ['qdq', 'qoperator'] },
  batch: { type: 'string', description: '', number: true, least: 1 },
  force: { type: 'boolean', description: '', alias: 'f' },
  symmetric: { type: 'boolean', description: '' },
  asymmetric: { type: 'boolean', description: '', negates: 'symmetric' },
};

const parse = (...args: string[]) => parseFlags('quantize', flags, args);

function refusal(...args: string[]): string {
  try {
    parse(...args);
  } catch (error) {
    if (error instanceof LowbitError) return `${error.exitCode} ${error.code}: ${error.message}`;
    throw error;
  }
  return 'taken';
}

test('lists by comma and by repetition, negation, numbers', () => {
  const parsed = parse(
    'm.onnx',
    '--to',
    'int8,q4',
    '--to=fp16',
    '--override',
    'a,b=q8',
    '-f',
    '--asymmetric',
    '--batch',
    '4',
  );
  expect(parsed.positionals).toEqual(['m.onnx']);
  expect(parsed.list('to')).toEqual(['int8', 'q4', 'fp16']);
  expect(parsed.list('override')).toEqual(['a,b=q8']);
  expect([parsed.boolean('force'), parsed.boolean('symmetric'), parsed.number('batch')]).toEqual([
    true,
    false,
    4,
  ]);
  expect(parse('m.onnx', '--no-force').boolean('force')).toBe(false);
  expect(parse('m.onnx').has('force')).toBe(false);
});

test('what is refused, in full', () => {
  const lines = [
    refusal('m.onnx', '--fomr', 'qdq'),
    refusal('m.onnx', '--form', 'qdp'),
    refusal('m.onnx', '--zebra'),
    refusal('m.onnx', '-x'),
    refusal('m.onnx', '--to'),
    refusal('m.onnx', '--to', '--force'),
    refusal('m.onnx', '--batch', '1.5'),
    refusal('m.onnx', '--batch', '0'),
    refusal('m.onnx', '--force=maybe'),
    refusal('m.onnx', 'n.onnx'),
    refusal(),
  ];
  expect(lines.join('\n')).toMatchInlineSnapshot(`
    "2 flag/unknown: lowbit quantize has no flag '--fomr'. Did you mean '--form'? See lowbit quantize --help.
    2 flag/value: --form wants one of qdq, qoperator, got 'qdp'.
    2 flag/unknown: lowbit quantize has no flag '--zebra'. See lowbit quantize --help.
    2 flag/unknown: lowbit quantize has no flag '-x'. See lowbit quantize --help.
    2 flag/value: --to wants a value: <preset,...>, got nothing.
    2 flag/value: --to wants a value: <preset,...>, got the flag --force.
    2 flag/value: --batch wants a whole number, got '1.5'.
    2 flag/value: --batch wants a whole number of at least 1, got 0.
    2 flag/value: --force wants no value, got 'maybe'.
    2 flag/value: lowbit quantize wants <model> and nothing more, got 'n.onnx' too.
    2 flag/missing: lowbit quantize needs <model>: 'lowbit quantize <model>'. See lowbit quantize --help."
  `);
});
