import { expect, test } from 'vitest';
import { tidyMessage } from './tidy-message.ts';

test.each([
  [
    "Can't create a session. ERROR_CODE: 7, ERROR_MESSAGE: Failed to load model because protobuf parsing failed.",
    'Failed to load model because protobuf parsing failed',
  ],
  [
    "Load model from /a/b c.onnx failed:Load model /a/b c.onnx failed. File doesn't exist",
    "Load model /a/b c.onnx failed. File doesn't exist",
  ],
  [
    'failed to call OrtRun(). ERROR_CODE: 2, ERROR_MESSAGE: Invalid rank for input: x\n Got: 3 Expected: 4',
    'Invalid rank for input: x Got: 3 Expected: 4',
  ],
  [
    '/onnxruntime_src/onnxruntime/core/providers/cpu/math/x.cc:136 void onnxruntime::F(const A&)::<lambda()> size was false. No room.\n\n',
    'size was false. No room',
  ],
  ['', 'no message'],
])('%s', (message, tidy) => {
  expect(tidyMessage(message)).toBe(tidy);
});

test('cuts what is too long', () => {
  expect(tidyMessage('x'.repeat(1000))).toBe(`${'x'.repeat(400)} ...`);
});
