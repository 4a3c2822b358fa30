import { describe, expect, test } from 'vitest';
import { metadataTypes, openGguf } from '../../src/files/index.ts';
import { LowbitError } from '../../src/tensor/index.ts';
import { GgufBytes } from './gguf-bytes.ts';
import { watchedSource } from './watched-source.ts';

/** GGUF files made to break a reader, each by one thing: the full text of each refusal. */

const { uint8, uint32, int32, bool, string, array, float32 } = metadataTypes;
const F32 = 0;
const Q4_K = 12;

/** The refusal; the source must not have been asked for more than it holds. */
async function refusal(file: GgufBytes | Uint8Array): Promise<string> {
  const source = watchedSource(file instanceof GgufBytes ? file.bytes() : file, 'm.gguf');
  const message = await messageOf(openGguf(source));
  expect(source.asked).toBeLessThanOrEqual(source.size);
  return message;
}

async function messageOf(run: Promise<unknown>): Promise<string> {
  const error = await run.then(
    () => undefined,
    (e: unknown) => e,
  );
  if (error instanceof LowbitError && error.exitCode === 2) return error.message;
  throw error ?? new Error('it was read');
}

const file = (tensors = 0, keys = 0, version = 3) => new GgufBytes().header(tensors, keys, version);
const oneKey = (type: number) => file(0, 1).text('key').uint32(type);
const anArray = (of: number, count: bigint | number) => oneKey(array).uint32(of).uint64(count);
/** One tensor, and then room for its data. */
const tensor = (dims: readonly (number | bigint)[], type = F32, offset: number | bigint = 0) =>
  file(1).tensor('w', dims, type, offset).room(4096);

test('a good file, so that the others are refused for what they say', async () => {
  const good = await openGguf(watchedSource(tensor([4, 2]).bytes(), 'm.gguf'));
  expect(good.tensors).toMatchObject([{ name: 'w', shape: [2, 4], type: 'float32' }]);
});

test('files that are not GGUF', async () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const messages: Record<string, string> = {};
  for (const [name, content] of Object.entries({
    nothing: bytes(''),
    'two bytes': bytes('GG'),
    text: bytes('hello, this is no model at all'),
    'a web page': bytes('<!DOCTYPE html><html>'),
    JSON: bytes('{"model_type": "llama"}'),
    'a zip': bytes('PK\u0003\u0004rest'),
    'a pickle': Uint8Array.of(0x80, 2, 0x63, 0x74),
    'a Git LFS pointer': bytes('version https://git-lfs.github.com/spec/v1'),
    'a file from before GGUF': bytes('tjgg\u0003\0\0\0'),
    zeros: new Uint8Array(64),
  })) {
    messages[name] = await refusal(content);
  }
  expect(messages).toMatchInlineSnapshot(`
    {
      "JSON": "m.gguf is not a GGUF file: it is JSON. Give a .gguf file.",
      "a Git LFS pointer": "m.gguf is not a GGUF file: it is a Git LFS pointer: fetch the file itself. Give a .gguf file.",
      "a file from before GGUF": "m.gguf is not a GGUF file: it is a ggml file from before GGUF: convert the original model again. Give a .gguf file.",
      "a pickle": "m.gguf is not a GGUF file: it is a Python pickle (a PyTorch checkpoint?). Give a .gguf file.",
      "a web page": "m.gguf is not a GGUF file: it is a web page or XML. Give a .gguf file.",
      "a zip": "m.gguf is not a GGUF file: it is a zip archive (a PyTorch checkpoint?). Give a .gguf file.",
      "nothing": "m.gguf is not a GGUF file: it is empty. Give a .gguf file.",
      "text": "m.gguf is not a GGUF file: it does not start with 'GGUF'. Give a .gguf file.",
      "two bytes": "m.gguf is not a GGUF file: it does not start with 'GGUF'. Give a .gguf file.",
      "zeros": "m.gguf is not a GGUF file: it does not start with 'GGUF'. Give a .gguf file.",
    }
  `);
});

test('versions', async () => {
  const messages: string[] = [];
  for (const version of [0, 1, 4, 0x03000000, 0xffffffff]) messages.push(await refusal(file(0, 0, version)));
  expect(messages).toMatchInlineSnapshot(`
    [
      "m.gguf is GGUF version 0, but lowbit reads 2 and 3 (little-endian): the file is damaged or newer than lowbit.",
      "m.gguf is GGUF version 1, but lowbit reads 2 and 3 (little-endian): llama.cpp gave it up in 2023; convert the original model again.",
      "m.gguf is GGUF version 4, but lowbit reads 2 and 3 (little-endian): the file is damaged or newer than lowbit.",
      "m.gguf is GGUF version 50331648, but lowbit reads 2 and 3 (little-endian): its bytes are big-endian; convert it to little-endian first.",
      "m.gguf is GGUF version 4294967295, but lowbit reads 2 and 3 (little-endian): the file is damaged or newer than lowbit.",
    ]
  `);
});

describe('counts that lie', () => {
  test('tensors and keys', async () => {
    expect([
      await refusal(file(1)),
      await refusal(new GgufBytes().header(2n ** 63n, 0)),
      await refusal(new GgufBytes().header(2n ** 64n - 1n, 0)),
      await refusal(new GgufBytes().header(0, 2n ** 60n)),
      await refusal(file(0, 1)),
      await refusal(file(0, 2 ** 17).room(2 ** 21)),
      await refusal(file(2 ** 19).room(2 ** 23)),
    ]).toMatchInlineSnapshot(`
      [
        "m.gguf is cut off: it has 24 bytes, and 1 tensors would end at 38. Copy or download it again.",
        "m.gguf is cut off: it has 24 bytes, and 9223372036854776000 tensors would end at 129127208515966860000. Copy or download it again.",
        "m.gguf is cut off: it has 24 bytes, and 18446744073709552000 tensors would end at 258254417031933720000. Copy or download it again.",
        "m.gguf is cut off: it has 24 bytes, and 1152921504606847000 keys would end at 16140901064495858000. Copy or download it again.",
        "m.gguf is cut off: it has 24 bytes, and 1 keys would end at 38. Copy or download it again.",
        "m.gguf is refused: the number of keys is 131072, and the limit is 65536, which no real model comes near. The file is damaged or hostile.",
        "m.gguf is refused: the number of tensors is 524288, and the limit is 262144, which no real model comes near. The file is damaged or hostile.",
      ]
    `);
  });

  test('strings of 2^60 bytes', async () => {
    expect([
      await refusal(
        file(0, 1)
          .uint64(2n ** 60n)
          .room(64),
      ),
      await refusal(oneKey(string).uint64(2n ** 60n)),
      await refusal(oneKey(string).uint64(2n ** 64n - 1n)),
      await refusal(file(0, 1).uint64(70_000).room(80_000)),
      await refusal(
        anArray(string, 2)
          .text('a')
          .uint64(2n ** 60n),
      ),
      await refusal(
        file(1)
          .uint64(2n ** 60n)
          .room(64),
      ),
    ]).toMatchInlineSnapshot(`
      [
        "m.gguf is refused: the length of the name of key 0 is 1152921504606847000, and the limit is 65535, which no real model comes near. The file is damaged or hostile.",
        "m.gguf is cut off: it has 47 bytes, and the text of key 'key' would end at 1152921504606847000. Copy or download it again.",
        "m.gguf is cut off: it has 47 bytes, and the text of key 'key' would end at 18446744073709552000. Copy or download it again.",
        "m.gguf is refused: the length of the name of key 0 is 70000, and the limit is 65535, which no real model comes near. The file is damaged or hostile.",
        "m.gguf is cut off: it has 68 bytes, and the text of key 'key' would end at 1152921504606847000. Copy or download it again.",
        "m.gguf is refused: the length of the name of tensor 0 is 1152921504606847000, and the limit is 65535, which no real model comes near. The file is damaged or hostile.",
      ]
    `);
  });

  test('arrays of 2^60 values', async () => {
    const messages: string[] = [];
    for (const of of [uint8, bool, string, array]) messages.push(await refusal(anArray(of, 2n ** 60n)));
    messages.push(await refusal(anArray(float32, 2n ** 62n)));
    messages.push(await refusal(anArray(uint8, 100).raw(new Uint8Array(99))));
    expect(messages).toMatchInlineSnapshot(`
      [
        "m.gguf is cut off: it has 51 bytes, and the array of 1152921504606847000 values of key 'key' would end at 1152921504606847000. Copy or download it again.",
        "m.gguf is cut off: it has 51 bytes, and the array of 1152921504606847000 values of key 'key' would end at 1152921504606847000. Copy or download it again.",
        "m.gguf is cut off: it has 51 bytes, and the array of 1152921504606847000 values of key 'key' would end at 9223372036854776000. Copy or download it again.",
        "m.gguf is cut off: it has 51 bytes, and the array of 1152921504606847000 values of key 'key' would end at 13835058055282164000. Copy or download it again.",
        "m.gguf is cut off: it has 51 bytes, and the array of 4611686018427388000 values of key 'key' would end at 18446744073709552000. Copy or download it again.",
        "m.gguf is cut off: it has 150 bytes, and the array of 100 values of key 'key' would end at 151. Copy or download it again.",
      ]
    `);
  });

  test('arrays that are far larger in memory than in the file', async () => {
    const booleans = anArray(bool, 2 ** 23 + 1).room(2 ** 23 + 1);
    const strings = anArray(string, 2 ** 23 + 1).room(2 ** 26 + 8);
    const inner = anArray(array, 2 ** 16 + 1).room(12 * (2 ** 16 + 1));
    expect([await refusal(booleans), await refusal(strings), await refusal(inner)]).toMatchInlineSnapshot(`
      [
        "m.gguf is refused: the number of strings, booleans and inner arrays is 8388609, and the limit is 8388608, which no real model comes near. The file is damaged or hostile.",
        "m.gguf is refused: the number of strings, booleans and inner arrays is 8388609, and the limit is 8388608, which no real model comes near. The file is damaged or hostile.",
        "m.gguf is refused: the number of inner arrays is 65537, and the limit is 65536, which no real model comes near. The file is damaged or hostile.",
      ]
    `);
  });

  test('what a file of a terabyte could hold', async () => {
    // It need not exist on a disk: a sparse file, or a server, says so at no cost.
    const messages: string[] = [];
    for (const head of [
      oneKey(string).uint64(2 ** 39),
      anArray(uint8, 2 ** 39),
      anArray(float32, 2 ** 37),
      anArray(string, 2 ** 36),
      anArray(bool, 2 ** 36),
      anArray(array, 2 ** 36),
      file(2 ** 34),
      file(0, 2 ** 34),
    ]) {
      const source = watchedSource(head.bytes(), 'm.gguf', 2 ** 40);
      messages.push(await messageOf(openGguf(source)));
      expect(source.asked).toBeLessThan(2 ** 17);
    }
    expect(messages).toMatchInlineSnapshot(`
      [
        "m.gguf is refused: the header is 549755813935, and the limit is 268435456, which no real model comes near. The file is damaged or hostile.",
        "m.gguf is refused: the header is 549755813939, and the limit is 268435456, which no real model comes near. The file is damaged or hostile.",
        "m.gguf is refused: the header is 549755813939, and the limit is 268435456, which no real model comes near. The file is damaged or hostile.",
        "m.gguf is refused: the number of strings, booleans and inner arrays is 68719476736, and the limit is 8388608, which no real model comes near. The file is damaged or hostile.",
        "m.gguf is refused: the number of strings, booleans and inner arrays is 68719476736, and the limit is 8388608, which no real model comes near. The file is damaged or hostile.",
        "m.gguf is refused: the number of strings, booleans and inner arrays is 68719476736, and the limit is 8388608, which no real model comes near. The file is damaged or hostile.",
        "m.gguf is refused: the number of tensors is 17179869184, and the limit is 262144, which no real model comes near. The file is damaged or hostile.",
        "m.gguf is refused: the number of keys is 17179869184, and the limit is 65536, which no real model comes near. The file is damaged or hostile.",
      ]
    `);
  });

  test('arrays in arrays in arrays', async () => {
    const nested = oneKey(array);
    for (let i = 0; i < 1000; i++) nested.uint32(array).uint64(1);
    expect(await refusal(nested.uint32(uint8).uint64(0))).toMatchInlineSnapshot(
      `"m.gguf is refused: the depth of arrays is 5, and the limit is 4, which no real model comes near. The file is damaged or hostile."`,
    );
  });
});

describe('metadata', () => {
  test('types that do not exist, values that mean nothing', async () => {
    expect([
      await refusal(oneKey(13).room(8)),
      await refusal(oneKey(0xffffffff).room(8)),
      await refusal(anArray(13, 1).room(8)),
      await refusal(oneKey(bool).uint8(2)),
      await refusal(anArray(bool, 3).uint8(1).uint8(0).uint8(255)),
    ]).toMatchInlineSnapshot(`
      [
        "m.gguf is damaged at byte 35: key 'key' has a value of type 13, but GGUF knows 0 to 12. Copy or download it again, or convert it again.",
        "m.gguf is damaged at byte 35: key 'key' has a value of type 4294967295, but GGUF knows 0 to 12. Copy or download it again, or convert it again.",
        "m.gguf is damaged at byte 39: key 'key' has a value of type 13, but GGUF knows 0 to 12. Copy or download it again, or convert it again.",
        "m.gguf is damaged at byte 39: key 'key' is a boolean of 2. Copy or download it again, or convert it again.",
        "m.gguf is damaged at byte 53: key 'key' is a boolean of 255. Copy or download it again, or convert it again.",
      ]
    `);
  });

  test('keys: twice, empty, with a zero byte', async () => {
    const twice = file(0, 2).text('key').uint32(uint8).uint8(1).text('key').uint32(uint8).uint8(2);
    expect([
      await refusal(twice),
      await refusal(file(0, 1).text('').uint32(uint8).uint8(1).room(8)),
      (await refusal(file(0, 1).text('a\0b').uint32(uint8).uint8(1))).replaceAll('\0', '<zero>'),
    ]).toMatchInlineSnapshot(`
      [
        "m.gguf is damaged at byte 40: key 'key' is there twice. Copy or download it again, or convert it again.",
        "m.gguf is damaged at byte 24: key 0 is empty. Copy or download it again, or convert it again.",
        "m.gguf is damaged at byte 24: key 0 holds a zero byte. Copy or download it again, or convert it again.",
      ]
    `);
  });

  test('texts that are not UTF-8', async () => {
    const bad = [0xc3, 0x28];
    expect([
      await refusal(file(0, 1).uint64(2).raw(bad).uint32(uint8).uint8(1)),
      await refusal(oneKey(string).uint64(2).raw(bad)),
      await refusal(anArray(string, 2).text('a').uint64(2).raw(bad)),
      await refusal(oneKey(string).uint64(3).raw([0xed, 0xa0, 0x80])),
      await refusal(file(1).uint64(2).raw(bad).uint32(1).uint64(1).uint32(F32).uint64(0).room(64)),
    ]).toMatchInlineSnapshot(`
      [
        "m.gguf is damaged at byte 32: key 0 is not UTF-8. Copy or download it again, or convert it again.",
        "m.gguf is damaged at byte 47: key 'key' is not UTF-8. Copy or download it again, or convert it again.",
        "m.gguf is damaged at byte 68: key 'key' is not UTF-8. Copy or download it again, or convert it again.",
        "m.gguf is damaged at byte 47: key 'key' is not UTF-8. Copy or download it again, or convert it again.",
        "m.gguf is damaged at byte 32: tensor 0 is not UTF-8. Copy or download it again, or convert it again.",
      ]
    `);
  });

  test('alignments', async () => {
    const messages: string[] = [];
    for (const value of [0, 3, 48, 2 ** 21, 2 ** 31, 2 ** 32 - 1]) {
      const key = file(0, 1).text('general.alignment').uint32(uint32).uint32(value);
      messages.push(await refusal(key));
    }
    messages.push(await refusal(file(0, 1).text('general.alignment').uint32(int32).uint32(32)));
    messages.push(await refusal(file(0, 1).text('general.alignment').uint32(string).text('32')));
    messages.push(await refusal(file(0, 1).text('general.alignment').uint32(array).uint32(uint32).uint64(0)));
    expect(messages).toMatchInlineSnapshot(`
      [
        "m.gguf is damaged at byte 57: general.alignment is uint32 0, but wants a uint32 that is a power of two up to 1048576. Copy or download it again, or convert it again.",
        "m.gguf is damaged at byte 57: general.alignment is uint32 3, but wants a uint32 that is a power of two up to 1048576. Copy or download it again, or convert it again.",
        "m.gguf is damaged at byte 57: general.alignment is uint32 48, but wants a uint32 that is a power of two up to 1048576. Copy or download it again, or convert it again.",
        "m.gguf is damaged at byte 57: general.alignment is uint32 2097152, but wants a uint32 that is a power of two up to 1048576. Copy or download it again, or convert it again.",
        "m.gguf is damaged at byte 57: general.alignment is uint32 2147483648, but wants a uint32 that is a power of two up to 1048576. Copy or download it again, or convert it again.",
        "m.gguf is damaged at byte 57: general.alignment is uint32 4294967295, but wants a uint32 that is a power of two up to 1048576. Copy or download it again, or convert it again.",
        "m.gguf is damaged at byte 57: general.alignment is int32 32, but wants a uint32 that is a power of two up to 1048576. Copy or download it again, or convert it again.",
        "m.gguf is damaged at byte 63: general.alignment is string 32, but wants a uint32 that is a power of two up to 1048576. Copy or download it again, or convert it again.",
        "m.gguf is damaged at byte 65: general.alignment is an array, but wants a uint32 that is a power of two up to 1048576. Copy or download it again, or convert it again.",
      ]
    `);
  });
});

describe('tensors', () => {
  test('shapes', async () => {
    expect([
      await refusal(tensor([4, 0])),
      await refusal(tensor([2n ** 32n, 2n ** 32n])),
      await refusal(tensor([2n ** 63n])),
      await refusal(tensor([2n ** 64n - 1n, 2])),
      await refusal(tensor([2n ** 33n, 2n ** 33n, 0])),
      await refusal(tensor([2 ** 40])),
      await refusal(tensor([1, 1, 1, 1, 1])),
      await refusal(file(1).text('w').uint32(0xffffffff).room(4096)),
      await refusal(tensor([128, 2], Q4_K)),
      await refusal(tensor([], Q4_K)),
    ]).toMatchInlineSnapshot(`
      [
        "Tensor 'w' in m.gguf has the shape [0, 4]: an axis of 0 holds nothing. The file is damaged; copy or download it again, or convert it again.",
        "Tensor 'w' in m.gguf has the shape [4294967296, 4294967296]: no file holds that many values. The file is damaged; copy or download it again, or convert it again.",
        "Tensor 'w' in m.gguf has the shape [9223372036854776000]: no file holds that many values. The file is damaged; copy or download it again, or convert it again.",
        "Tensor 'w' in m.gguf has the shape [2, 18446744073709552000]: no file holds that many values. The file is damaged; copy or download it again, or convert it again.",
        "Tensor 'w' in m.gguf has the shape [0, 8589934592, 8589934592]: an axis of 0 holds nothing. The file is damaged; copy or download it again, or convert it again.",
        "m.gguf is cut off: it has 4160 bytes, and tensor 'w' would end at 4398046511168. Copy or download it again.",
        "Tensor 'w' in m.gguf has 5 axes, but ggml knows at most 4. The file is damaged; copy or download it again, or convert it again.",
        "Tensor 'w' in m.gguf has 4294967295 axes, but ggml knows at most 4. The file is damaged; copy or download it again, or convert it again.",
        "Tensor 'w' in m.gguf has rows of 128 values, which is no whole number of blocks of 256 (q4_k). The file is damaged; copy or download it again, or convert it again.",
        "Tensor 'w' in m.gguf has rows of 1 values, which is no whole number of blocks of 256 (q4_k). The file is damaged; copy or download it again, or convert it again.",
      ]
    `);
  });

  test('types that ggml removed, uses in memory only, or does not know', async () => {
    const messages: string[] = [];
    for (const type of [4, 5, 9, 15, 31, 32, 33, 36, 37, 38, 43, 2 ** 31, 2 ** 32 - 1]) {
      messages.push((await refusal(tensor([32], type))).replace(/Known types: .*?\. /, ''));
    }
    messages.push(await refusal(tensor([32], 99)));
    expect(messages).toMatchInlineSnapshot(`
      [
        "Tensor 'w' in m.gguf is of type 4 (Q4_2, which ggml removed). Convert the model again with one of them.",
        "Tensor 'w' in m.gguf is of type 5 (Q4_3, which ggml removed). Convert the model again with one of them.",
        "Tensor 'w' in m.gguf is of type 9 (Q8_1, which ggml uses in memory only). Convert the model again with one of them.",
        "Tensor 'w' in m.gguf is of type 15 (Q8_K, which ggml uses in memory only). Convert the model again with one of them.",
        "Tensor 'w' in m.gguf is of type 31 (Q4_0_4_4, which ggml removed from files: it repacks Q4_0 when it loads). Convert the model again with one of them.",
        "Tensor 'w' in m.gguf is of type 32 (Q4_0_4_8, which ggml removed from files: it repacks Q4_0 when it loads). Convert the model again with one of them.",
        "Tensor 'w' in m.gguf is of type 33 (Q4_0_8_8, which ggml removed from files: it repacks Q4_0 when it loads). Convert the model again with one of them.",
        "Tensor 'w' in m.gguf is of type 36 (IQ4_NL_4_4, which ggml removed from files: it repacks IQ4_NL when it loads). Convert the model again with one of them.",
        "Tensor 'w' in m.gguf is of type 37 (IQ4_NL_4_8, which ggml removed from files: it repacks IQ4_NL when it loads). Convert the model again with one of them.",
        "Tensor 'w' in m.gguf is of type 38 (IQ4_NL_8_8, which ggml removed from files: it repacks IQ4_NL when it loads). Convert the model again with one of them.",
        "Tensor 'w' in m.gguf is of type 43 (unknown to ggml 0.25). Convert the model again with one of them.",
        "Tensor 'w' in m.gguf is of type 2147483648 (unknown to ggml 0.25). Convert the model again with one of them.",
        "Tensor 'w' in m.gguf is of type 4294967295 (unknown to ggml 0.25). Convert the model again with one of them.",
        "Tensor 'w' in m.gguf is of type 99 (unknown to ggml 0.25). Known types: F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ2_XXS, IQ2_XS, IQ3_XXS, IQ1_S, IQ4_NL, IQ3_S, IQ2_S, IQ4_XS, I8, I16, I32, I64, F64, IQ1_M, BF16, TQ1_0, TQ2_0, MXFP4, NVFP4, Q1_0, Q2_0. Convert the model again with one of them.",
      ]
    `);
  });

  test('names: twice, with a zero byte', async () => {
    const twice = file(2).tensor('w', [8], F32, 0).tensor('w', [8], F32, 32).room(128);
    expect([
      await refusal(twice),
      (await refusal(file(1).tensor('w\0v', [8], F32, 0).room(128))).replaceAll('\0', '<zero>'),
    ]).toMatchInlineSnapshot(`
      [
        "Tensor 'w' in m.gguf is there twice. The file is damaged; copy or download it again, or convert it again.",
        "m.gguf is damaged at byte 24: tensor 0 holds a zero byte. Copy or download it again, or convert it again.",
      ]
    `);
  });

  test('offsets: overlapping, with a hole, out of order, misaligned, out of range', async () => {
    const two = (first: number | bigint, second: number | bigint) =>
      file(2).tensor('a', [16], F32, first).tensor('b', [16], F32, second).room(256);
    expect([
      await refusal(two(0, 32)),
      await refusal(two(0, 0)),
      await refusal(two(0, 128)),
      await refusal(two(64, 0)),
      await refusal(two(0, 65)),
      await refusal(two(1, 64)),
      await refusal(two(0, 2n ** 64n - 64n)),
      await refusal(tensor([2], F32, 2n ** 63n)),
      await refusal(file(2).tensor('a', [16], F32, 0).tensor('b', [4096], F32, 64).room(256)),
    ]).toMatchInlineSnapshot(`
      [
        "Tensor 'b' in m.gguf has its data at byte 32 of the tensor data, inside the tensor before, which ends at 64. The file is damaged; copy or download it again, or convert it again.",
        "Tensor 'b' in m.gguf has its data at byte 0 of the tensor data, inside the tensor before, which ends at 64. The file is damaged; copy or download it again, or convert it again.",
        "Tensor 'b' in m.gguf has its data at byte 128 of the tensor data, but the tensor before ends at 64: wanted 64. The file is damaged; copy or download it again, or convert it again.",
        "Tensor 'a' in m.gguf has its data at byte 64 of the tensor data, but the tensor before ends at 0: wanted 0. The file is damaged; copy or download it again, or convert it again.",
        "Tensor 'b' in m.gguf has its data at byte 65 of the tensor data, which is no multiple of the alignment 32. The file is damaged; copy or download it again, or convert it again.",
        "Tensor 'a' in m.gguf has its data at byte 1 of the tensor data, which is no multiple of the alignment 32. The file is damaged; copy or download it again, or convert it again.",
        "Tensor 'b' in m.gguf has its data at byte 18446744073709552000 of the tensor data, but the tensor before ends at 64: wanted 64. The file is damaged; copy or download it again, or convert it again.",
        "Tensor 'w' in m.gguf has its data at byte 9223372036854776000 of the tensor data, but the tensor before ends at 0: wanted 0. The file is damaged; copy or download it again, or convert it again.",
        "m.gguf is cut off: it has 352 bytes, and tensor 'b' would end at 16544. Copy or download it again.",
      ]
    `);
  });

  test('sizes that add up to more than a number can count', async () => {
    const dims = [2 ** 25, 2 ** 25];
    const huge = file(3)
      .tensor('a', dims, F32, 0)
      .tensor('b', dims, F32, 2 ** 52);
    expect(await refusal(huge.tensor('c', dims, F32, 2n ** 53n).room(256))).toMatchInlineSnapshot(
      `"Tensor 'b' in m.gguf ends at byte 9007199254740992, beyond any file. The file is damaged; copy or download it again, or convert it again."`,
    );
  });
});

test('cut off anywhere', async () => {
  const whole = file(2, 3)
    .text('general.architecture')
    .uint32(string)
    .text('llama')
    .text('list')
    .uint32(array)
    .uint32(string)
    .uint64(2)
    .text('x')
    .text('yz')
    .text('numbers')
    .uint32(array)
    .uint32(uint32)
    .uint64(2)
    .uint32(1)
    .uint32(2)
    .tensor('a', [8], F32, 0)
    .tensor('b', [8], F32, 32)
    .room(64)
    .bytes();
  expect((await openGguf(watchedSource(whole, 'm.gguf'))).tensors).toHaveLength(2);
  const texts = new Set<string>();
  for (let length = 0; length < whole.byteLength; length++) {
    texts.add((await refusal(whole.subarray(0, length))).replace(/\d+/g, 'N'));
  }
  expect([...texts]).toMatchInlineSnapshot(`
    [
      "m.gguf is not a GGUF file: it is empty. Give a .gguf file.",
      "m.gguf is not a GGUF file: it does not start with 'GGUF'. Give a .gguf file.",
      "m.gguf is cut off: it has N bytes, and the counts would end at N. Copy or download it again.",
      "m.gguf is cut off: it has N bytes, and N tensors would end at N. Copy or download it again.",
      "m.gguf is cut off: it has N bytes, and N keys would end at N. Copy or download it again.",
      "m.gguf is cut off: it has N bytes, and the text of key 'general.architecture' would end at N. Copy or download it again.",
      "m.gguf is cut off: it has N bytes, and key N would end at N. Copy or download it again.",
      "m.gguf is cut off: it has N bytes, and key 'list' would end at N. Copy or download it again.",
      "m.gguf is cut off: it has N bytes, and the array of N values of key 'list' would end at N. Copy or download it again.",
      "m.gguf is cut off: it has N bytes, and the text of key 'list' would end at N. Copy or download it again.",
      "m.gguf is cut off: it has N bytes, and key 'numbers' would end at N. Copy or download it again.",
      "m.gguf is cut off: it has N bytes, and the array of N values of key 'numbers' would end at N. Copy or download it again.",
      "m.gguf is cut off: it has N bytes, and tensor N would end at N. Copy or download it again.",
      "m.gguf is cut off: it has N bytes, and tensor 'a' would end at N. Copy or download it again.",
      "m.gguf is cut off: it has N bytes, and tensor 'b' would end at N. Copy or download it again.",
    ]
  `);
});
