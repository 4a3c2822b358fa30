import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memorySource, openFile } from '../../src/files/index.ts';
import { GraphProtoSchema, ModelProtoSchema } from '../../src/files/onnx/index.ts';
import { readOnnx } from '../../src/graph/index.ts';
import { LowbitError } from '../../src/tensor/index.ts';

/** Files made to break a reader, each by one thing: the full text of each refusal. */

type ModelInit = MessageInitShape<typeof ModelProtoSchema>;
type GraphInit = MessageInitShape<typeof GraphProtoSchema>;

const modelBytes = (graph: GraphInit, rest: ModelInit = {}) =>
  toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 10n,
      opsetImport: [{ version: 21n }],
      graph: create(GraphProtoSchema, { name: 'main', ...graph }),
      ...rest,
    } as ModelInit),
  );

async function refusal(bytes: Uint8Array | readonly number[]): Promise<string> {
  const source = memorySource(Uint8Array.from(bytes), 'm.onnx');
  return messageOf(readOnnx({ source }));
}

async function messageOf(run: Promise<unknown>): Promise<string> {
  const error = await run.then(
    () => undefined,
    (e: unknown) => e,
  );
  if (error instanceof LowbitError && error.exitCode === 2) return error.message;
  throw error ?? new Error('it was read');
}

/** ir_version 10, opset 21, then the given bytes as the graph. */
const aroundGraph = (graph: readonly number[]) => [8, 10, 0x42, 2, 16, 21, 0x3a, ...field(graph)];
const field = (content: readonly number[]) => [...varint(content.length), ...content];
function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(Math.floor(value / 128))];
}

test('files that are not ONNX', async () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const files = {
    nothing: bytes(''),
    text: bytes('hello, this is no model at all'),
    'a web page': bytes('<!DOCTYPE html><html>'),
    'a zip': bytes('PK\u0003\u0004rest'),
    safetensors: bytes('\u0008\0\0\0\0\0\0\0{"a":{}}'),
    GGUF: bytes('GGUF\u0003\0\0\0'),
    'a Git LFS pointer': bytes('version https://git-lfs.github.com/spec/v1'),
    zeros: new Uint8Array(64),
    'no graph': Uint8Array.from([8, 10]),
  };
  const messages: Record<string, string> = {};
  for (const [name, content] of Object.entries(files)) messages[name] = await refusal(content);
  expect(messages).toMatchInlineSnapshot(`
    {
      "GGUF": "m.onnx is not an ONNX model: it is a GGUF file. Give a .onnx file.",
      "a Git LFS pointer": "m.onnx is not an ONNX model: it is a Git LFS pointer: fetch the file itself. Give a .onnx file.",
      "a web page": "m.onnx is not an ONNX model: it is a web page or XML. Give a .onnx file.",
      "a zip": "m.onnx is not an ONNX model: it is a zip archive (a PyTorch checkpoint?). Give a .onnx file.",
      "no graph": "m.onnx is not an ONNX model: it has no graph. Give a .onnx file.",
      "nothing": "m.onnx is not an ONNX model: it is empty. Give a .onnx file.",
      "safetensors": "m.onnx is not an ONNX model: it is a safetensors file. Give a .onnx file.",
      "text": "m.onnx is not an ONNX model: no graph comes before byte 2, where wire type 4 is not used by ONNX. Give a .onnx file.",
      "zeros": "m.onnx is not an ONNX model: no graph comes before byte 0, where field number 0 does not exist. Give a .onnx file.",
    }
  `);
});

describe('the wire format', () => {
  test('a length beyond the file', async () => {
    expect(await refusal([8, 10, 0x3a, ...varint(2 ** 40)])).toMatchInlineSnapshot(
      `"m.onnx is cut off: what starts at byte 2 needs 1099511627785 bytes of file, but there are 9. Copy or download it again."`,
    );
  });

  test('a length beyond its message', async () => {
    expect(await refusal(aroundGraph([0x0a, ...varint(1000), 1, 2]))).toMatchInlineSnapshot(
      `"m.onnx is cut off: what starts at byte 8 needs 1011 bytes of file, but there are 13. Copy or download it again."`,
    );
  });

  test('raw data of more than the file holds', async () => {
    const tensor = [8, 4, 16, 1, 0x42, 1, 0x77, 0x4a, ...varint(2 ** 31)];
    expect(await refusal(aroundGraph([0x2a, ...field(tensor)]))).toMatchInlineSnapshot(
      `"m.onnx is cut off: what starts at byte 17 needs 2147483671 bytes of file, but there are 23. Copy or download it again."`,
    );
  });

  test('a number that does not end', async () => {
    expect(await refusal([8, ...new Array(11).fill(0xff)])).toMatchInlineSnapshot(
      `"m.onnx is not an ONNX model: no graph comes before byte 1, where a number has more than 10 bytes. Give a .onnx file."`,
    );
  });

  test('a length of more than 2^53', async () => {
    expect(await refusal([0x3a, 255, 255, 255, 255, 255, 255, 255, 255, 1])).toMatchInlineSnapshot(
      `"m.onnx is damaged at byte 1: a length is 144115188075855870. Copy or download it again, or export it again."`,
    );
  });

  test('a group', async () => {
    expect(await refusal(aroundGraph([0xa3, 6]))).toMatchInlineSnapshot(
      `"m.onnx is damaged at byte 8: wire type 3 is not used by ONNX. Copy or download it again, or export it again."`,
    );
  });

  test('a known field of another wire type', async () => {
    expect(await refusal([8, 10, 0x38, 1])).toMatchInlineSnapshot(
      `"m.onnx is not an ONNX model: no graph comes before byte 2, where field 'graph' of ModelProto has wire type 0. Give a .onnx file."`,
    );
  });

  test('nesting without end', async () => {
    // A type of a sequence of a sequence of ...: 400 levels in 1.6 kB.
    let type: number[] = [];
    for (let i = 0; i < 200; i++) type = [0x22, ...field([0x0a, ...field(type)])];
    const input = [0x0a, 1, 0x78, 0x12, ...field(type)];
    expect(await refusal(aroundGraph([0x5a, ...field(input)]))).toMatchInlineSnapshot(
      `"m.onnx nests more than 100 levels deep, which no real model does. The file is damaged or hostile."`,
    );
  });

  test('more nodes than any model has', async () => {
    const head = [8, 10, 0x3a, ...varint(2 * (2 ** 20 + 1))];
    const bytes = new Uint8Array(head.length + 2 * (2 ** 20 + 1));
    bytes.set(head);
    for (let i = head.length; i < bytes.length; i += 2) bytes[i] = 0x0a;
    expect(await refusal(bytes)).toMatchInlineSnapshot(
      `"m.onnx holds more than 1048576 nodes, which no real model does. The file is damaged or hostile."`,
    );
  });
});

test('versions that are not known', async () => {
  const messages = [
    await refusal(modelBytes({}, { opsetImport: [{ version: 27n }] } as ModelInit)),
    await refusal(modelBytes({}, { opsetImport: [{ domain: 'ai.onnx', version: 6n }] } as ModelInit)),
    await refusal(modelBytes({}, { opsetImport: [] })),
    await refusal(modelBytes({}, { irVersion: 99n })),
  ];
  expect(messages).toMatchInlineSnapshot(`
    [
      "m.onnx has operator set 27, but lowbit reads 7 to 26. Export it again with another version.",
      "m.onnx has operator set 6, but lowbit reads 7 to 26. Export it again with another version.",
      "m.onnx is not valid ONNX: it names no operator set. Export it again.",
      "m.onnx has IR version 99, but lowbit reads 3 to 13. Export it again with another version.",
    ]
  `);
});

describe('tensors', () => {
  const tensor = (dims: readonly bigint[], rawBytes: number, dataType = 1) =>
    modelBytes({
      initializer: [{ name: 'w', dims: [...dims], dataType, rawData: new Uint8Array(rawBytes) }],
    });

  test('fewer bytes than the shape needs', async () => {
    expect(await refusal(tensor([2n, 3n], 20))).toMatchInlineSnapshot(
      `"Tensor 'w' in m.onnx is float32 [2, 3] and needs 24 bytes, but has 20. The file is damaged or its shape is wrong; export it again."`,
    );
  });

  test('a shape of more elements than memory could hold', async () => {
    expect(await refusal(tensor([2n ** 33n, 2n ** 33n], 4))).toMatchInlineSnapshot(
      `"Tensor 'w' in m.onnx has the shape [8589934592, 8589934592]: no file holds that many elements. The file is damaged; export it again."`,
    );
    expect(await refusal(tensor([2n ** 32n, 2n ** 32n, 0n], 0))).toContain(
      'no file holds that many elements',
    );
    expect(await refusal(tensor([2n ** 40n], 0))).toContain('needs 4398046511104 bytes, but has 0');
  });

  test('a negative dimension', async () => {
    expect(await refusal(tensor([-1n, 4n], 4))).toMatchInlineSnapshot(
      `"Tensor 'w' in m.onnx has the shape [-1, 4]: -1 is no size. The file is damaged; export it again."`,
    );
  });

  test('an element type of no version', async () => {
    expect(await refusal(tensor([1n], 4, 99))).toMatchInlineSnapshot(
      `"Tensor 'w' in m.onnx has element type 99, but the known ones are 1 to 26. The file is damaged or newer than ONNX 1.23."`,
    );
    expect(await refusal(tensor([1n], 4, 0))).toContain('has element type 0');
  });

  test('an element type of no version, of an input', async () => {
    const input = [{ name: 'x', type: { value: { case: 'tensorType' as const, value: { elemType: 77 } } } }];
    expect(await refusal(modelBytes({ input }))).toMatchInlineSnapshot(
      `"Value 'x' in m.onnx has element type 77, but the known ones are 1 to 26. The file is damaged or newer than ONNX 1.23."`,
    );
  });

  test('data in the field of another type', async () => {
    const initializer = [{ name: 'w', dims: [1n], dataType: 1, int64Data: [1n] }];
    expect(await refusal(modelBytes({ initializer }))).toMatchInlineSnapshot(
      `"m.onnx is damaged at byte 18: tensor 'w' of float32 has data in int64Data. Copy or download it again, or export it again."`,
    );
  });

  test('fewer numbers in a typed field', async () => {
    const initializer = [{ name: 'w', dims: [3n], dataType: 7, int64Data: [1n] }];
    expect(await refusal(modelBytes({ initializer }))).toContain('needs 24 bytes, but has 1');
  });

  test('fewer strings', async () => {
    const initializer = [{ name: 'w', dims: [3n], dataType: 8, stringData: [new Uint8Array(1)] }];
    expect(await refusal(modelBytes({ initializer }))).toContain("Tensor 'w' in m.onnx is string [3]");
  });

  test('two of one name', async () => {
    const w = { name: 'w', dims: [1n], dataType: 2, rawData: new Uint8Array(1) };
    expect(await refusal(modelBytes({ initializer: [w, w] }))).toMatchInlineSnapshot(
      `"Graph 'main' in m.onnx holds two initializers named 'w'; every name wants one value. The model is not valid ONNX; export it again."`,
    );
  });

  test('one without a name', async () => {
    const w = { dims: [1n], dataType: 2, rawData: new Uint8Array(1) };
    expect(await refusal(modelBytes({ initializer: [w] }))).toMatchInlineSnapshot(
      `"m.onnx is not valid ONNX: graph 'main' has an initializer without a name. Export it again."`,
    );
  });
});

describe('graphs', () => {
  const relu = (from: string, to: string) => ({
    opType: 'Relu',
    name: `${from}-${to}`,
    input: [from],
    output: [to],
  });

  test('a cycle', async () => {
    expect(await refusal(modelBytes({ node: [relu('a', 'b'), relu('b', 'a')] }))).toMatchInlineSnapshot(
      `"Graph 'main' has a cycle through Relu 'a-b': a node waits for its own result. The model is not valid ONNX; export it again."`,
    );
  });

  test('a cycle through a subgraph', async () => {
    const body = { name: 'body', node: [relu('y', 'z')], output: [{ name: 'z' }] };
    const attribute = [{ name: 'then_branch', type: 5, g: body }];
    const node = [{ opType: 'If', name: 'if', input: ['c'], output: ['y'], attribute }];
    expect(await refusal(modelBytes({ input: [{ name: 'c' }], node }))).toMatchInlineSnapshot(
      `"Graph 'main' has a cycle through If 'if': a node waits for its own result. The model is not valid ONNX; export it again."`,
    );
  });

  test('a value that nobody makes', async () => {
    expect(await refusal(modelBytes({ node: [relu('x', 'y')] }))).toMatchInlineSnapshot(
      `"Graph 'main' in m.onnx never makes the value 'x', which Relu 'x-y' reads. The model is not valid ONNX; export it again."`,
    );
    expect(await refusal(modelBytes({ output: [{ name: 'y' }] }))).toMatchInlineSnapshot(
      `"Graph 'main' in m.onnx never makes the value 'y', which the graph output reads. The model is not valid ONNX; export it again."`,
    );
  });

  test('a value of another branch', async () => {
    const branch = (node: object[], out: string) => ({ name: out, node, output: [{ name: out }] });
    const attribute = [
      { name: 'then_branch', type: 5, g: branch([relu('c', 'inner')], 'inner') },
      { name: 'else_branch', type: 5, g: branch([relu('inner', 'e')], 'e') },
    ];
    const node = [{ opType: 'If', input: ['c'], output: ['y'], attribute }];
    expect(await refusal(modelBytes({ input: [{ name: 'c' }], node }))).toMatchInlineSnapshot(
      `"Graph 'e' in m.onnx never makes the value 'inner', which Relu 'inner-e' reads. The model is not valid ONNX; export it again."`,
    );
  });

  test('a value that is made twice', async () => {
    const input = [{ name: 'x' }];
    expect(
      await refusal(modelBytes({ input, node: [relu('x', 'y'), relu('x', 'y')] })),
    ).toMatchInlineSnapshot(
      `"Value 'y' is produced twice, the second time by Relu 'x-y'; every name wants one producer. The model is not valid ONNX; export it again."`,
    );
  });

  test('a node without an operator', async () => {
    expect(await refusal(modelBytes({ node: [{ name: 'n' }] }))).toMatchInlineSnapshot(
      `"m.onnx is not valid ONNX: node 'n' has no operator. Export it again."`,
    );
  });

  test('an attribute of no known kind, without its content, or twice', async () => {
    const node = (attribute: object[]) => modelBytes({ node: [{ opType: 'Op', name: 'n', attribute }] });
    expect(await refusal(node([{ name: 'a', type: 50 }]))).toMatchInlineSnapshot(
      `"Attribute 'a' of Op 'n' in m.onnx has the unknown type 50. The model is not valid ONNX; export it again."`,
    );
    expect(await refusal(node([{ name: 'a', type: 5 }]))).toMatchInlineSnapshot(
      `"Attribute 'a' of Op 'n' in m.onnx has no graph. The model is not valid ONNX; export it again."`,
    );
    const a = { name: 'a', type: 2, i: 1n };
    expect(await refusal(node([a, a]))).toMatchInlineSnapshot(
      `"Attribute 'a' of Op 'n' in m.onnx is given twice. The model is not valid ONNX; export it again."`,
    );
  });
});

describe('external data', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'lowbit-attack-'));
    mkdirSync(join(folder, 'model'));
    writeFileSync(join(folder, 'secret'), new Uint8Array(64));
    writeFileSync(join(folder, 'model/data'), new Uint8Array(64));
    symlinkSync('../secret', join(folder, 'model/link'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  async function refused(entries: Record<string, string>): Promise<string> {
    const path = join(folder, 'model/m.onnx');
    const externalData = Object.entries(entries).map(([key, value]) => ({ key, value }));
    const initializer = [{ name: 'w', dims: [8n], dataType: 1, dataLocation: 1, externalData }];
    writeFileSync(path, modelBytes({ initializer }));
    return (await messageOf(openFile(path).then(readOnnx))).replaceAll(folder, '<folder>');
  }

  test('a missing file', async () => {
    expect(await refused({ location: 'none.bin' })).toMatchInlineSnapshot(
      `"Tensor 'w' in <folder>/model/m.onnx keeps its data in 'none.bin', which cannot be used: there is no such file. Put the data file that belongs to the model beside it."`,
    );
  });

  test('no location', async () => {
    expect(await refused({ offset: '0' })).toMatchInlineSnapshot(
      `"'', named by <folder>/model/m.onnx, is refused: it names no file. Only files inside that folder are used; move the file there and name it relative to it."`,
    );
  });

  test('places outside the folder', async () => {
    expect(await refused({ location: '../secret' })).toMatchInlineSnapshot(
      `"'../secret', named by <folder>/model/m.onnx, is refused: it holds '..'. Only files inside that folder are used; move the file there and name it relative to it."`,
    );
    expect(await refused({ location: '/etc/passwd' })).toMatchInlineSnapshot(
      `"'/etc/passwd', named by <folder>/model/m.onnx, is refused: it is an absolute path. Only files inside that folder are used; move the file there and name it relative to it."`,
    );
    expect(await refused({ location: 'link' })).toMatchInlineSnapshot(
      `"'link', named by <folder>/model/m.onnx, is refused: it is a link that leaves the folder. Only files inside that folder are used; move the file there and name it relative to it."`,
    );
  });

  test('ranges outside the file', async () => {
    expect(await refused({ location: 'data', offset: '40' })).toMatchInlineSnapshot(
      `"Tensor 'w' in <folder>/model/m.onnx keeps its data in 'data', which cannot be used: 32 bytes at offset 40 reach past its 64 bytes. Put the data file that belongs to the model beside it."`,
    );
    expect(await refused({ location: 'data', offset: '-4' })).toMatchInlineSnapshot(
      `"Tensor 'w' in <folder>/model/m.onnx keeps its data in 'data', which cannot be used: its offset is '-4'. Put the data file that belongs to the model beside it."`,
    );
    expect(await refused({ location: 'data', offset: '99999999999999999999' })).toContain('its offset is');
    expect(await refused({ location: 'data', length: '31' })).toMatchInlineSnapshot(
      `"Tensor 'w' in <folder>/model/m.onnx is float32 [8] and needs 32 bytes, but has 31. The file is damaged or its shape is wrong; export it again."`,
    );
  });

  test('a model opened alone', async () => {
    const externalData = [{ key: 'location', value: 'data' }];
    const initializer = [{ name: 'w', dims: [8n], dataType: 1, dataLocation: 1, externalData }];
    expect(await refusal(modelBytes({ initializer }))).toMatchInlineSnapshot(
      `"Tensor 'w' in m.onnx keeps its data in 'data', which cannot be used: the model was opened alone, without its folder. Put the data file that belongs to the model beside it."`,
    );
  });
});
