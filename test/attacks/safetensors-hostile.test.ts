import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { memorySiblings, openFile, openSafetensors, openSafetensorsFolder } from '../../src/files/index.ts';
import { LowbitError } from '../../src/tensor/index.ts';
import { watchedSource } from './watched-source.ts';

/** safetensors files and folders made to break a reader, each by one thing: the full text of each refusal. */

/** A file: the length of the header, the header, and zeros as data. */
function file(header: unknown, dataBytes = 0, length?: bigint): Uint8Array {
  const text = typeof header === 'string' ? header : JSON.stringify(header);
  const json = header instanceof Uint8Array ? header : new TextEncoder().encode(text);
  const bytes = new Uint8Array(8 + json.byteLength + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(json.byteLength), true);
  bytes.set(json, 8);
  return bytes;
}

const entry = (dtype: unknown, shape: unknown, data_offsets: unknown) => ({ dtype, shape, data_offsets });

async function messageOf(run: Promise<unknown>): Promise<string> {
  const error = await run.then(
    () => undefined,
    (e: unknown) => e,
  );
  if (error instanceof LowbitError && error.exitCode === 2) return error.message;
  throw error ?? new Error('it was read');
}

/** The refusal; the source must not have been asked for more than it holds. */
async function refusal(bytes: Uint8Array): Promise<string> {
  const source = watchedSource(bytes, 'm.safetensors');
  const message = await messageOf(openSafetensors(source));
  expect(source.asked).toBeLessThanOrEqual(source.size + 9);
  return message;
}

async function refusals(files: Record<string, Uint8Array>): Promise<Record<string, string>> {
  const messages: Record<string, string> = {};
  for (const [name, bytes] of Object.entries(files)) messages[name] = await refusal(bytes);
  return messages;
}

test('good files, so that the others are refused for what they say', async () => {
  const good = file(
    { b: entry('F32', [2], [0, 8]), a: entry('F4', [0, 2], [8, 8]), __metadata__: { x: 'y' } },
    8,
  );
  const { tensors, metadata } = await openSafetensors(watchedSource(good, 'm.safetensors'));
  expect([...tensors.keys()]).toEqual(['b', 'a']);
  expect([...metadata]).toEqual([['x', 'y']]);
  expect((await openSafetensors(watchedSource(file('{}  '), 'm'))).tensors.size).toBe(0);
});

test('files that are not safetensors', async () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  expect(
    await refusals({
      nothing: bytes(''),
      'seven bytes': bytes('1234567'),
      text: bytes('hello, this is no model at all'),
      JSON: bytes('{"a": {"dtype": "F32"}}'),
      'a web page': bytes('<!DOCTYPE html><html>'),
      'a Git LFS pointer': bytes('version https://git-lfs.github.com/spec/v1'),
      GGUF: bytes('GGUF\u0003\0\0\0\0\0\0\0'),
      HDF5: Uint8Array.of(0x89, 0x48, 0x44, 0x46, 13, 10, 26, 10, 0),
      zeros: new Uint8Array(64),
    }),
  ).toMatchInlineSnapshot(`
    {
      "GGUF": "m.safetensors is not a safetensors file: it is a GGUF file. Give a .safetensors file.",
      "HDF5": "m.safetensors is not a safetensors file: it is an HDF5 file. Give a .safetensors file.",
      "JSON": "m.safetensors is not a safetensors file: it is JSON. Give a .safetensors file.",
      "a Git LFS pointer": "m.safetensors is not a safetensors file: it is a Git LFS pointer: fetch the file itself. Give a .safetensors file.",
      "a web page": "m.safetensors is not a safetensors file: it is a web page or XML. Give a .safetensors file.",
      "nothing": "m.safetensors is not a safetensors file: it is empty. Give a .safetensors file.",
      "seven bytes": "m.safetensors is not a safetensors file: no JSON header starts at byte 8. Give a .safetensors file.",
      "text": "m.safetensors is not a safetensors file: no JSON header starts at byte 8. Give a .safetensors file.",
      "zeros": "m.safetensors is not a safetensors file: no JSON header starts at byte 8. Give a .safetensors file.",
    }
  `);
});

test('PyTorch checkpoints are refused, whatever they are called', async () => {
  const zip = new TextEncoder().encode('PK\u0003\u0004 and so on, at some length');
  const pickle = Uint8Array.of(0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a);
  expect([await refusal(zip), await refusal(pickle)]).toMatchInlineSnapshot(`
    [
      "m.safetensors is a PyTorch checkpoint: a Python program that runs when it is opened, so lowbit does not. Save it as safetensors where you trust it (model.save_pretrained(folder), or safetensors.torch.save_file), and open that.",
      "m.safetensors is a PyTorch checkpoint: a Python program that runs when it is opened, so lowbit does not. Save it as safetensors where you trust it (model.save_pretrained(folder), or safetensors.torch.save_file), and open that.",
    ]
  `);
  const messages: string[] = [];
  for (const name of [
    'pytorch_model.bin',
    'pytorch_model.bin.index.json',
    'consolidated.00.pth',
    'model.pt',
  ]) {
    messages.push(await messageOf(openSafetensorsFolder(memorySiblings(new Map([[name, zip]])))));
  }
  expect(messages).toMatchInlineSnapshot(`
    [
      "pytorch_model.bin is a PyTorch checkpoint: a Python program that runs when it is opened, so lowbit does not. Save it as safetensors where you trust it (model.save_pretrained(folder), or safetensors.torch.save_file), and open that.",
      "pytorch_model.bin.index.json is a PyTorch checkpoint: a Python program that runs when it is opened, so lowbit does not. Save it as safetensors where you trust it (model.save_pretrained(folder), or safetensors.torch.save_file), and open that.",
      "consolidated.00.pth is a PyTorch checkpoint: a Python program that runs when it is opened, so lowbit does not. Save it as safetensors where you trust it (model.save_pretrained(folder), or safetensors.torch.save_file), and open that.",
      "model.pt is a PyTorch checkpoint: a Python program that runs when it is opened, so lowbit does not. Save it as safetensors where you trust it (model.save_pretrained(folder), or safetensors.torch.save_file), and open that.",
    ]
  `);
});

describe('headers', () => {
  test('bombs: lengths that the file does not hold', async () => {
    expect(
      await refusals({
        'a terabyte': file('{}', 0, 2n ** 40n),
        'all bits': file('{}', 0, 2n ** 64n - 1n),
        'over the limit': file('{}', 0, 100_000_001n),
        'one byte too many': file('{}', 0, 3n),
        'the length alone': file('', 0, 2n),
      }),
    ).toMatchInlineSnapshot(`
      {
        "a terabyte": "m.safetensors is refused: the length of the header is 1099511627776, and the limit is 100000000, which no real model comes near. The file is damaged or hostile.",
        "all bits": "m.safetensors is refused: the length of the header is 18446744073709552000, and the limit is 100000000, which no real model comes near. The file is damaged or hostile.",
        "one byte too many": "m.safetensors is cut off: it has 10 bytes, and the header would end at 11. Copy or download it again.",
        "over the limit": "m.safetensors is refused: the length of the header is 100000001, and the limit is 100000000, which no real model comes near. The file is damaged or hostile.",
        "the length alone": "m.safetensors is cut off: it has 8 bytes, and the header would end at 10. Copy or download it again.",
      }
    `);
  });

  test('JSON that is none, or means two things', async () => {
    const twice = '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{}}';
    expect(
      await refusals({
        broken: file('{"a": '),
        'no object': file('["a"]'),
        'after it': file('{} {}'),
        'not UTF-8': file(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)),
        nested: file(`{"a":${'['.repeat(100_000)}`),
        'a name twice': file(twice, 4),
        'a name twice, written otherwise': file(twice.replace(',"a":', ',"\\u0061":'), 4),
        'a dtype twice': file(twice.replace('"shape"', '"dtype":"U8","shape"').replace(',"a":{}', ''), 4),
        'metadata that are no texts': file({ __metadata__: { x: 1 } }),
        'metadata that are a list': file({ __metadata__: ['x'] }),
        'metadata that are nothing': file({ __metadata__: null }),
      }),
    ).toMatchInlineSnapshot(`
      {
        "a dtype twice": "m.safetensors is damaged: its header has 'dtype' twice. Copy or download it again, or save it again.",
        "a name twice": "m.safetensors is damaged: its header has 'a' twice. Copy or download it again, or save it again.",
        "a name twice, written otherwise": "m.safetensors is damaged: its header has 'a' twice. Copy or download it again, or save it again.",
        "after it": "m.safetensors is damaged: its header is not JSON. Copy or download it again, or save it again.",
        "broken": "m.safetensors is damaged: its header is not JSON. Copy or download it again, or save it again.",
        "metadata that are a list": "m.safetensors is damaged: its __metadata__ are not names with texts. Copy or download it again, or save it again.",
        "metadata that are no texts": "m.safetensors is damaged: its __metadata__ are not names with texts. Copy or download it again, or save it again.",
        "metadata that are nothing": "m.safetensors is damaged: its __metadata__ are not names with texts. Copy or download it again, or save it again.",
        "nested": "m.safetensors is damaged: its header is not JSON. Copy or download it again, or save it again.",
        "no object": "m.safetensors is not a safetensors file: no JSON header starts at byte 8. Give a .safetensors file.",
        "not UTF-8": "m.safetensors is damaged: its header is not UTF-8. Copy or download it again, or save it again.",
      }
    `);
  });

  test('more tensors than any model has', async () => {
    const entries = Array.from({ length: 2 ** 18 + 1 }, (_, i) => `"${i}":0`);
    expect(await refusal(file(`{${entries.join(',')}}`))).toMatchInlineSnapshot(
      `"m.safetensors is refused: the number of tensors is 262145, and the limit is 262144, which no real model comes near. The file is damaged or hostile."`,
    );
  });
});

describe('tensors', () => {
  const one = (given: unknown, dataBytes = 16) => file({ w: given }, dataBytes);

  test('descriptions', async () => {
    expect(
      await refusals({
        'a number': one(1),
        nothing: one(null),
        'no dtype': one({ shape: [1], data_offsets: [0, 16] }),
        'a shape of text': one(entry('F32', '4', [0, 16])),
        'a negative axis': one(entry('F32', [-4], [0, 16])),
        'half an axis': one(entry('F32', [0.5], [0, 16])),
        'one offset': one(entry('F32', [4], [0])),
        'offsets backwards': one(entry('F32', [4], [16, 0])),
        'an offset of 2^60': one(entry('F32', [4], [2 ** 60, 2 ** 60 + 16])),
        'a negative offset': one(entry('F32', [4], [-16, 0])),
      }),
    ).toMatchInlineSnapshot(`
      {
        "a negative axis": "Tensor 'w' in m.safetensors has no shape of whole numbers. The file is damaged; copy or download it again, or save it again.",
        "a negative offset": "Tensor 'w' in m.safetensors has no data_offsets of two whole numbers. The file is damaged; copy or download it again, or save it again.",
        "a number": "Tensor 'w' in m.safetensors is not described by an object. The file is damaged; copy or download it again, or save it again.",
        "a shape of text": "Tensor 'w' in m.safetensors has no shape of whole numbers. The file is damaged; copy or download it again, or save it again.",
        "an offset of 2^60": "Tensor 'w' in m.safetensors has no data_offsets of two whole numbers. The file is damaged; copy or download it again, or save it again.",
        "half an axis": "Tensor 'w' in m.safetensors has no shape of whole numbers. The file is damaged; copy or download it again, or save it again.",
        "no dtype": "Tensor 'w' in m.safetensors has no dtype. The file is damaged; copy or download it again, or save it again.",
        "nothing": "Tensor 'w' in m.safetensors is not described by an object. The file is damaged; copy or download it again, or save it again.",
        "offsets backwards": "Tensor 'w' in m.safetensors is F32 [4] and takes 16 bytes, but has the bytes 16 to 0. The file is damaged; copy or download it again, or save it again.",
        "one offset": "Tensor 'w' in m.safetensors has no data_offsets of two whole numbers. The file is damaged; copy or download it again, or save it again.",
      }
    `);
  });

  test('dtypes', async () => {
    const messages = await refusals({
      unknown: one(entry('Q4_K', [4], [0, 16])),
      'of the format, but not read': one(entry('F6_E2M3', [4], [0, 3])),
      inherited: one(entry('constructor', [4], [0, 16])),
    });
    expect(messages).toMatchInlineSnapshot(`
      {
        "inherited": "Tensor 'w' in m.safetensors is of dtype 'constructor', which lowbit does not read. Known: BOOL, F4, U8, I8, F8_E5M2, F8_E4M3, F8_E8M0, F8_E4M3FNUZ, F8_E5M2FNUZ, I16, U16, F16, BF16, I32, U32, F32, C64, F64, I64, U64. Save the model with one of them.",
        "of the format, but not read": "Tensor 'w' in m.safetensors is of dtype 'F6_E2M3', which lowbit does not read. Known: BOOL, F4, U8, I8, F8_E5M2, F8_E4M3, F8_E8M0, F8_E4M3FNUZ, F8_E5M2FNUZ, I16, U16, F16, BF16, I32, U32, F32, C64, F64, I64, U64. Save the model with one of them.",
        "unknown": "Tensor 'w' in m.safetensors is of dtype 'Q4_K', which lowbit does not read. Known: BOOL, F4, U8, I8, F8_E5M2, F8_E4M3, F8_E8M0, F8_E4M3FNUZ, F8_E5M2FNUZ, I16, U16, F16, BF16, I32, U32, F32, C64, F64, I64, U64. Save the model with one of them.",
      }
    `);
  });

  test('sizes that do not match the shape', async () => {
    expect(
      await refusals({
        'too few': one(entry('F32', [5], [0, 16])),
        'too many': one(entry('F32', [3], [0, 16])),
        'none for something': one(entry('F32', [4], [0, 0]), 0),
        'something for none': one(entry('F32', [0], [0, 16])),
        'beyond counting': one(entry('F32', [2 ** 32, 2 ** 32], [0, 16])),
        'beyond the file': one(entry('F32', [2 ** 40], [0, 2 ** 42])),
        'rows of half bytes': one(entry('F4', [2, 3], [0, 3]), 3),
      }),
    ).toMatchInlineSnapshot(`
      {
        "beyond counting": "Tensor 'w' in m.safetensors has the shape [4294967296, 4294967296]: no file holds that many values. The file is damaged; copy or download it again, or save it again.",
        "beyond the file": "m.safetensors is cut off: it has 102 bytes, and tensor 'w' would end at 4398046511190. Copy or download it again.",
        "none for something": "Tensor 'w' in m.safetensors is F32 [4] and takes 16 bytes, but has the bytes 0 to 0. The file is damaged; copy or download it again, or save it again.",
        "rows of half bytes": "Tensor 'w' in m.safetensors has rows of 3 F4, no whole number of bytes. The file is damaged; copy or download it again, or save it again.",
        "something for none": "Tensor 'w' in m.safetensors is F32 [0] and takes 0 bytes, but has the bytes 0 to 16. The file is damaged; copy or download it again, or save it again.",
        "too few": "Tensor 'w' in m.safetensors is F32 [5] and takes 20 bytes, but has the bytes 0 to 16. The file is damaged; copy or download it again, or save it again.",
        "too many": "Tensor 'w' in m.safetensors is F32 [3] and takes 12 bytes, but has the bytes 0 to 16. The file is damaged; copy or download it again, or save it again.",
      }
    `);
  });

  test('offsets: overlapping, with holes, out of range, bytes of nobody', async () => {
    const two = (a: [number, number], b: [number, number], dataBytes = 16) =>
      file({ a: entry('U8', [a[1] - a[0]], a), b: entry('U8', [b[1] - b[0]], b) }, dataBytes);
    expect(
      await refusals({
        'the same bytes': two([0, 8], [0, 8], 8),
        'half over the other': two([0, 8], [4, 16]),
        inside: two([0, 16], [4, 8]),
        'a hole': two([0, 4], [8, 16]),
        'a hole at the start': two([4, 8], [8, 16]),
        'beyond the end': two([0, 8], [8, 24]),
        'bytes after the last': two([0, 4], [4, 8]),
        'data without tensors': file({}, 16),
      }),
    ).toMatchInlineSnapshot(`
      {
        "a hole": "Tensor 'b' in m.safetensors starts at byte 8 of the data, but the tensor before ends at 4: the bytes between belong to none. The file is damaged; copy or download it again, or save it again.",
        "a hole at the start": "Tensor 'a' in m.safetensors starts at byte 4 of the data, but the tensor before ends at 0: the bytes between belong to none. The file is damaged; copy or download it again, or save it again.",
        "beyond the end": "m.safetensors is cut off: it has 131 bytes, and tensor 'b' would end at 139. Copy or download it again.",
        "bytes after the last": "m.safetensors is damaged: 8 bytes after the last tensor belong to none. Copy or download it again, or save it again.",
        "data without tensors": "m.safetensors is damaged: 16 bytes after the last tensor belong to none. Copy or download it again, or save it again.",
        "half over the other": "Tensor 'b' in m.safetensors starts at byte 4 of the data, inside another tensor, which ends at 8. The file is damaged; copy or download it again, or save it again.",
        "inside": "Tensor 'b' in m.safetensors starts at byte 4 of the data, inside another tensor, which ends at 16. The file is damaged; copy or download it again, or save it again.",
        "the same bytes": "Tensor 'b' in m.safetensors starts at byte 0 of the data, inside another tensor, which ends at 8. The file is damaged; copy or download it again, or save it again.",
      }
    `);
  });
});

test('cut off anywhere', async () => {
  const whole = file({ a: entry('F32', [2], [0, 8]), b: entry('BF16', [2, 2], [8, 16]) }, 16);
  expect((await openSafetensors(watchedSource(whole, 'm'))).tensors.size).toBe(2);
  const texts = new Set<string>();
  for (let length = 0; length < whole.byteLength; length++) {
    texts.add((await refusal(whole.subarray(0, length))).replace(/\d+/g, 'N'));
  }
  expect([...texts]).toMatchInlineSnapshot(`
    [
      "m.safetensors is not a safetensors file: it is empty. Give a .safetensors file.",
      "m.safetensors is not a safetensors file: no JSON header starts at byte N. Give a .safetensors file.",
      "m.safetensors is cut off: it has N bytes, and the header would end at N. Copy or download it again.",
      "m.safetensors is cut off: it has N bytes, and tensor 'a' would end at N. Copy or download it again.",
      "m.safetensors is cut off: it has N bytes, and tensor 'b' would end at N. Copy or download it again.",
    ]
  `);
});

describe('folders', () => {
  const shardOf = (...names: string[]) =>
    file(
      Object.fromEntries(names.map((name, i) => [name, entry('U8', [4], [4 * i, 4 * i + 4])])),
      4 * names.length,
    );
  const index = (weight_map: unknown) => new TextEncoder().encode(JSON.stringify({ weight_map }));
  const folder = (files: Record<string, Uint8Array>) =>
    openSafetensorsFolder(memorySiblings(new Map(Object.entries(files))));
  const shards = { '1.safetensors': shardOf('a', 'b'), '2.safetensors': shardOf('c') };
  const good = { a: '1.safetensors', b: '1.safetensors', c: '2.safetensors' };
  const name = 'model.safetensors.index.json';

  test('a good one', async () => {
    const { tensors, shards: count } = await folder({ ...shards, [name]: index(good) });
    expect([...tensors.keys()]).toEqual(['a', 'b', 'c']);
    expect(count).toBe(2);
    const same = await folder({ ...shards, [name]: index({ a: './1.safetensors', b: '1.safetensors' }) });
    expect(same.shards).toBe(1);
  });

  test('indexes that lie', async () => {
    const with_ = (changes: Record<string, unknown>, more: Record<string, Uint8Array> = {}) =>
      messageOf(folder({ ...shards, ...more, [name]: index({ ...good, ...changes }) }));
    const raw = (text: string) => messageOf(folder({ ...shards, [name]: new TextEncoder().encode(text) }));
    expect({
      'nothing there': await messageOf(folder({})),
      'a tensor that its shard lacks': await with_({ d: '2.safetensors' }),
      'a tensor that another shard holds': await with_({ a: '2.safetensors' }),
      'a tensor in two shards': await with_({ d: '3.safetensors' }, { '3.safetensors': shardOf('d', 'a') }),
      'a shard that is missing': await with_({ d: '3.safetensors' }),
      'the index itself': await with_({ d: name }),
      'another index': await with_({ d: 'other.safetensors.index.json' }),
      'a folder': await with_({ d: 'x/' }),
      'the folder above': await with_({ d: '../1.safetensors' }),
      'the folder above, hidden': await with_({ d: 'x/../../1.safetensors' }),
      'an absolute path': await with_({ d: '/etc/passwd' }),
      'a drive': await with_({ d: 'C:1.safetensors' }),
      'a backslash': await with_({ d: '..\\1.safetensors' }),
      'a URL': await with_({ d: 'https://x.y/1.safetensors' }),
      'a number': await with_({ d: 1 }),
      'a pickle': await with_({ d: 'pytorch_model.bin' }),
      'an index as a shard': await with_({ d: '3.safetensors' }, { '3.safetensors': index(good) }),
      'no JSON': await raw('{'),
      nothing: await raw('null'),
      'no map': await raw('{"weight_map": []}'),
      'an empty map': await raw('{"weight_map": {}}'),
      'a tensor twice': await raw('{"weight_map": {"a": "1.safetensors", "a": "2.safetensors"}}'),
      'two maps': await raw('{"weight_map": {}, "weight_map": {"a": "1.safetensors"}}'),
    }).toMatchInlineSnapshot(`
      {
        "a URL": "'https://x.y/1.safetensors', named by model.safetensors.index.json, is refused: it holds a colon (a drive letter, a stream or a URL). Only files inside that folder are used; move the file there and name it relative to it.",
        "a backslash": "'..\\1.safetensors', named by model.safetensors.index.json, is refused: it holds a backslash. Only files inside that folder are used; move the file there and name it relative to it.",
        "a drive": "'C:1.safetensors', named by model.safetensors.index.json, is refused: it holds a colon (a drive letter, a stream or a URL). Only files inside that folder are used; move the file there and name it relative to it.",
        "a folder": "'x/', named by model.safetensors.index.json, is refused: it names a folder. Only files inside that folder are used; move the file there and name it relative to it.",
        "a number": "The index model.safetensors.index.json cannot be used: it maps 'd' to no file name. Copy or download the folder again, or save the model again.",
        "a pickle": "pytorch_model.bin is a PyTorch checkpoint: a Python program that runs when it is opened, so lowbit does not. Save it as safetensors where you trust it (model.save_pretrained(folder), or safetensors.torch.save_file), and open that.",
        "a shard that is missing": "There is no file 3.safetensors. Check the path.",
        "a tensor in two shards": "The index model.safetensors.index.json cannot be used: both 1.safetensors and 3.safetensors hold 'a'. Copy or download the folder again, or save the model again.",
        "a tensor that another shard holds": "The index model.safetensors.index.json cannot be used: it says that 2.safetensors holds 'a', which it does not. Copy or download the folder again, or save the model again.",
        "a tensor that its shard lacks": "The index model.safetensors.index.json cannot be used: it says that 2.safetensors holds 'd', which it does not. Copy or download the folder again, or save the model again.",
        "a tensor twice": "The index model.safetensors.index.json cannot be used: it has 'a' twice. Copy or download the folder again, or save the model again.",
        "an absolute path": "'/etc/passwd', named by model.safetensors.index.json, is refused: it is an absolute path. Only files inside that folder are used; move the file there and name it relative to it.",
        "an empty map": "The index model.safetensors.index.json cannot be used: its weight_map is empty. Copy or download the folder again, or save the model again.",
        "an index as a shard": "3.safetensors is not a safetensors file: it is JSON. Give a .safetensors file.",
        "another index": "The index model.safetensors.index.json cannot be used: it maps 'd' to 'other.safetensors.index.json', no .safetensors file. Copy or download the folder again, or save the model again.",
        "no JSON": "The index model.safetensors.index.json cannot be used: it is not JSON. Copy or download the folder again, or save the model again.",
        "no map": "The index model.safetensors.index.json cannot be used: it has no weight_map from tensors to files. Copy or download the folder again, or save the model again.",
        "nothing": "The index model.safetensors.index.json cannot be used: it has no weight_map from tensors to files. Copy or download the folder again, or save the model again.",
        "nothing there": "The folder holds no weights: there is no model.safetensors and no model.safetensors.index.json. Name the folder of a Hugging Face checkpoint.",
        "the folder above": "'../1.safetensors', named by model.safetensors.index.json, is refused: it holds '..'. Only files inside that folder are used; move the file there and name it relative to it.",
        "the folder above, hidden": "'x/../../1.safetensors', named by model.safetensors.index.json, is refused: it holds '..'. Only files inside that folder are used; move the file there and name it relative to it.",
        "the index itself": "The index model.safetensors.index.json cannot be used: it maps 'd' to 'model.safetensors.index.json', no .safetensors file. Copy or download the folder again, or save the model again.",
        "two maps": "The index model.safetensors.index.json cannot be used: it has 'weight_map' twice. Copy or download the folder again, or save the model again.",
      }
    `);
  });

  test('links that leave the folder', async () => {
    const root = await mkdtemp(join(tmpdir(), 'lowbit-links-'));
    try {
      const inside = join(root, 'model');
      await mkdir(inside);
      await writeFile(join(root, 'secret.safetensors'), shardOf('a'));
      await symlink(join(root, 'secret.safetensors'), join(inside, '1.safetensors'));
      await writeFile(join(inside, 'config.json'), '{}');
      await writeFile(join(inside, name), index({ a: '1.safetensors' }));
      const { source, siblings } = await openFile(join(inside, 'config.json'));
      await source.close?.();
      const message = await messageOf(openSafetensorsFolder(siblings));
      expect(message.replaceAll(root, '<root>')).toMatchInlineSnapshot(
        `"'1.safetensors', named by <root>/model/config.json, is refused: it is a link that leaves the folder. Only files inside that folder are used; move the file there and name it relative to it."`,
      );
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });
});
