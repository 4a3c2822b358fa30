import { expect, test } from 'vitest';
import { memorySiblings } from '../files/index.ts';
import { companionsOf, transformersFileName } from './layout.ts';

const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const none = new Map<string, number>();

async function configAfter(config: unknown, models: ReadonlyMap<string, number>): Promise<unknown> {
  const siblings = memorySiblings(new Map([['config.json', text(config)]]));
  const [file] = await companionsOf(siblings, models);
  return JSON.parse(new TextDecoder().decode(file!.bytes));
}

test('presets have the file names that transformers.js looks for', () => {
  const names = ['fp16', 'int8', 'int8-dynamic', 'uint8', 'q8', 'q4', 'q4f16', 'q2', 'q2f16'];
  expect(names.map(transformersFileName)).toEqual([
    'model_fp16.onnx',
    'model_int8.onnx',
    'model_int8.onnx',
    'model_uint8.onnx',
    'model_quantized.onnx',
    'model_q4.onnx',
    'model_q4f16.onnx',
    'model_q2.onnx',
    'model_q2f16.onnx',
  ]);
  expect(() => transformersFileName('bf16')).toThrowErrorMatchingInlineSnapshot(
    `[LowbitError: transformers.js has no file name for preset 'bf16'. It knows: int8, int8-s8s8, uint8-static, int8-dynamic, uint8, q8, q4, q4f16, q2, q2f16, fp16. Choose one of them, or the plain layout.]`,
  );
});

test('companions that are there are copied byte for byte, others are not missed', async () => {
  const config = new TextEncoder().encode('{"model_type": "bert" }\n');
  const siblings = memorySiblings(
    new Map([
      ['config.json', config],
      ['tokenizer.json', text({})],
      ['pytorch_model.bin', text('not taken')],
    ]),
  );
  const files = await companionsOf(siblings, new Map([['model_q4.onnx', 0]]));
  expect(files.map((f) => f.name)).toEqual(['config.json', 'tokenizer.json']);
  expect(files[0]!.bytes).toEqual(config);
});

test('config.json counts the external data files of each written model', async () => {
  const models = new Map([
    ['model_q4.onnx', 1],
    ['model_fp16.onnx', 3],
    ['model_q8.onnx', 0],
  ]);
  expect(await configAfter({ model_type: 'bert' }, models)).toEqual({
    model_type: 'bert',
    'transformers.js_config': { use_external_data_format: { 'model_q4.onnx': 1, 'model_fp16.onnx': 3 } },
  });
});

test('what config.json said before goes on for the models that are not written', async () => {
  const before = (use_external_data_format: unknown) => ({
    'transformers.js_config': { dtype: 'q4', use_external_data_format },
  });
  expect(await configAfter(before(2), new Map([['model_q4.onnx', 0]]))).toEqual({
    'transformers.js_config': { dtype: 'q4', use_external_data_format: { model: 2, 'model_q4.onnx': 0 } },
  });
  expect(await configAfter(before({ 'model_q4.onnx': 2 }), new Map([['model_q4.onnx', 0]]))).toEqual({
    'transformers.js_config': { dtype: 'q4', use_external_data_format: { 'model_q4.onnx': 0 } },
  });
  expect(await configAfter(before({ 'model.onnx': 1 }), none)).toEqual(before({ 'model.onnx': 1 }));
});

test('a config.json that is no JSON is refused', async () => {
  const siblings = memorySiblings(new Map([['config.json', new TextEncoder().encode('{')]]));
  await expect(companionsOf(siblings, none)).rejects.toThrowErrorMatchingInlineSnapshot(
    `[LowbitError: config.json is not JSON. Repair the file, or take it away.]`,
  );
});
