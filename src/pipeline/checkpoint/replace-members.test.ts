import { expect, test } from 'vitest';
import { replaceMembers } from './replace-members.ts';

test('numbers, strings and nested values stay as they are written', () => {
  const text =
    '{ "rope_theta": 10000.0,\n "eps": 1e-05, "quantization_config": {"a": [1, {"b": "},"}]}, "te,\\"}xt": "a{,}", "list": [1.0, 2] }';
  expect(replaceMembers(text, ['quantization_config', 'other'], { quantization_config: { x: ['y'] } })).toBe(
    `{
  "rope_theta": 10000.0,
  "eps": 1e-05,
  "te,\\"}xt": "a{,}",
  "list": [1.0, 2],
  "quantization_config": {
    "x": [
      "y"
    ]
  }
}
`,
  );
});

test('an object without members, and one that loses all', () => {
  expect(replaceMembers('{}', [], { a: 1 })).toBe('{\n  "a": 1\n}\n');
  expect(replaceMembers('{"a": 0}', ['a'], { a: 1 })).toBe('{\n  "a": 1\n}\n');
});
