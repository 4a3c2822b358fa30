import { expect, test } from 'vitest';
import { lookUp } from './errors.ts';
import { nearest } from './nearest.ts';

test('the name that a typing error meant', () => {
  const known = ['calibrate', 'evaluate', 'to', 'equalize', 'calibration-samples', 'json'];
  const guesses = ['calbrate', 'claibrate', 'evalute', 'calibration', 'jsno', 'tto', 'zebra'];
  expect(guesses.map((name) => nearest(name, known))).toEqual([
    'calibrate',
    'calibrate',
    'evaluate',
    'calibrate',
    'json',
    'to',
    undefined,
  ]);
});

test('what most names end with makes no two of them near', () => {
  const known = ['Gemma', 'Llama', 'Qwen2', 'Mistral', 'Phi3'].map((name) => `${name}ForCausalLM`);
  expect(nearest('MambaForCausalLM', known)).toBeUndefined();
  expect(nearest('GemaForCausalLM', known)).toBe('GemmaForCausalLM');
  expect(nearest('LlammaForCausalLM', known)).toBe('LlamaForCausalLM');
});

test('an unknown name in an error: the one that was meant, then all', () => {
  const table = { int8: 1, 'int8-dynamic': 2, q4: 3 };
  expect(() => lookUp('preset', table, 'int8-dynamc')).toThrow(
    "Unknown preset 'int8-dynamc'. Did you mean 'int8-dynamic'? Known: int8, int8-dynamic, q4.",
  );
  expect(() => lookUp('preset', table, 'q9')).toThrow("Unknown preset 'q9'. Known: int8, int8-dynamic, q4.");
});
