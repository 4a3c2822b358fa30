import { create, fromBinary, type MessageInitShape, toBinary, toJson } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { memoryFolder, memorySiblings, memorySource } from '../../files/index.ts';
import { ModelProtoSchema } from '../../files/onnx/index.ts';
import { encodeOnnx, readOnnx, writeOnnx } from '../index.ts';

/** What lowbit does not work on, but a model may hold, comes out as it went in. */

const bytes = (text: string) => new TextEncoder().encode(text);
const raw = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
const scalar = { dataType: 1, rawData: raw(1) };
const entry = [{ key: 'k', value: 'v' }];

/** Every field of the schema that has a meaning, each with content. */
const everything: MessageInitShape<typeof ModelProtoSchema> = {
  irVersion: 13n,
  opsetImport: [{ version: 26n }, { domain: 'custom', version: 3n }],
  producerName: 'producer',
  producerVersion: '1.2',
  domain: 'domain',
  modelVersion: 7n,
  docString: 'doc',
  metadataProps: entry,
  configuration: [{ name: 'two', numDevices: 2, device: ['a', 'b'] }],
  trainingInfo: [
    {
      initialization: {
        name: 'init',
        node: [{ opType: 'Constant', output: ['z'], attribute: [{ name: 'value', type: 4, t: scalar }] }],
      },
      algorithm: { name: 'step' },
      updateBinding: entry,
    },
  ],
  functions: [
    {
      name: 'f',
      domain: 'custom',
      overload: 'o',
      docString: 'doc',
      input: ['a'],
      output: ['b'],
      attribute: ['alpha'],
      attributeProto: [{ name: 'beta', type: 1, f: 0.5 }],
      node: [
        {
          opType: 'LeakyRelu',
          input: ['a'],
          output: ['b'],
          attribute: [{ name: 'alpha', type: 1, refAttrName: 'alpha' }],
        },
      ],
      opsetImport: [{ version: 26n }],
      valueInfo: [{ name: 'b', type: { value: { case: 'tensorType', value: { elemType: 1 } } } }],
      metadataProps: entry,
    },
  ],
  graph: {
    name: 'main',
    docString: 'doc',
    metadataProps: entry,
    input: [
      {
        name: 'x',
        docString: 'doc',
        metadataProps: entry,
        type: {
          denotation: 'IMAGE',
          value: {
            case: 'tensorType',
            value: {
              elemType: 1,
              shape: {
                dim: [
                  { value: { case: 'dimParam', value: 'batch' }, denotation: 'DATA_BATCH' },
                  { value: { case: 'dimValue', value: 3n } },
                  {},
                ],
              },
            },
          },
        },
      },
      {
        name: 's',
        type: {
          value: {
            case: 'sequenceType',
            value: { elemType: { value: { case: 'tensorType', value: { elemType: 7 } } } },
          },
        },
      },
      {
        name: 'o',
        type: {
          value: {
            case: 'optionalType',
            value: { elemType: { value: { case: 'mapType', value: { keyType: 8 } } } },
          },
        },
      },
      { name: 'untyped' },
    ],
    output: [{ name: 'y' }, { name: 'sparse' }],
    valueInfo: [{ name: 'h', type: { value: { case: 'tensorType', value: { elemType: 16, shape: {} } } } }],
    initializer: [
      { name: 'w', dims: [2n], dataType: 1, rawData: raw(1, 2), docString: 'doc', metadataProps: entry },
      { name: 'words', dims: [2n], dataType: 8, stringData: [bytes('a'), bytes('b')] },
      { name: 'none', dims: [0n, 3n], dataType: 22, rawData: new Uint8Array(0) },
    ],
    sparseInitializer: [
      {
        values: { name: 'sparse', dims: [1n], ...scalar },
        indices: { dims: [1n], dataType: 7, rawData: new Uint8Array(8) },
        dims: [9n],
      },
    ],
    quantizationAnnotation: [
      { tensorName: 'w', quantParameterTensorNames: [{ key: 'SCALE_TENSOR', value: 'w' }] },
    ],
    node: [
      {
        opType: 'f',
        domain: 'custom',
        overload: 'o',
        name: 'call',
        docString: 'doc',
        input: ['x', '', 'w'],
        output: ['h', ''],
        metadataProps: entry,
        deviceConfigurations: [
          {
            configurationId: 'two',
            pipelineStage: 1,
            shardingSpec: [
              {
                tensorName: 'x',
                device: [0n, -1n],
                indexToDeviceGroupMap: [{ key: -1n, value: [0n, 1n] }],
                shardedDim: [
                  { axis: 0n, simpleSharding: [{ dim: { case: 'dimValue', value: 1n }, numShards: 2n }] },
                ],
              },
            ],
          },
        ],
        attribute: [
          { name: 'f', type: 1, f: 0 },
          { name: 'i', type: 2, i: 0n },
          { name: 's', type: 3, s: bytes('text') },
          { name: 'binary', type: 3, s: Uint8Array.from([255, 0, 254]) },
          { name: 't', type: 4, t: { name: 'tensor', dims: [1n], ...scalar } },
          { name: 'floats', type: 6, floats: [1, -0.5] },
          { name: 'ints', type: 7, ints: [-1n, 2n ** 62n] },
          { name: 'empty', type: 7 },
          { name: 'strings', type: 8, strings: [bytes('å'), bytes('')] },
          {
            name: 'tensors',
            type: 9,
            tensors: [
              { dims: [], ...scalar },
              { dims: [1n], dataType: 8, stringData: [bytes('c')] },
            ],
          },
          { name: 'graphs', type: 10, graphs: [{ name: 'a' }, { name: 'b' }] },
          {
            name: 'sparse',
            type: 11,
            sparseTensor: {
              values: { dims: [1n], ...scalar },
              indices: { dims: [1n], dataType: 7, rawData: new Uint8Array(8) },
              dims: [4n],
            },
          },
          { name: 'type', type: 13, tp: { value: { case: 'tensorType', value: { elemType: 23 } } } },
          {
            name: 'types',
            type: 14,
            typeProtos: [{ value: { case: 'opaqueType', value: { domain: 'd', name: 'n' } } }],
          },
        ],
      },
      {
        opType: 'If',
        name: 'if',
        input: ['x'],
        output: ['y'],
        attribute: [
          {
            name: 'then_branch',
            type: 5,
            g: {
              name: 'then',
              initializer: [{ name: 'inner', dims: [1n], ...scalar }],
              output: [{ name: 'inner' }],
            },
          },
          {
            name: 'else_branch',
            type: 5,
            g: {
              name: 'else',
              node: [{ opType: 'Neg', input: ['h'], output: ['n'] }],
              output: [{ name: 'n' }],
            },
          },
        ],
      },
    ],
  },
};

const original = toBinary(ModelProtoSchema, create(ModelProtoSchema, everything));
const json = (file: Uint8Array) => toJson(ModelProtoSchema, fromBinary(ModelProtoSchema, file));

test('every field of the schema is kept', async () => {
  const model = await readOnnx({ source: memorySource(original) });
  const { bytes: written } = await encodeOnnx(model);
  expect(json(written)).toEqual(json(original));
});

test('a clone is the same model', async () => {
  const model = await readOnnx({ source: memorySource(original) });
  const { bytes: written } = await encodeOnnx(model.clone());
  expect(json(written)).toEqual(json(original));
});

test('data that parts carried encoded keep outside is taken inside', async () => {
  const data = new Uint8Array(Float32Array.from([5, 6]).buffer);
  const values = {
    name: 'sparse',
    dims: [2n],
    dataType: 1,
    dataLocation: 1,
    externalData: [{ key: 'location', value: 'data' }],
  };
  const indices = { dims: [2n], dataType: 7, int64Data: [1n, 3n] };
  const bytesOfModel = toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 10n,
      opsetImport: [{ version: 21n }],
      graph: { name: 'g', sparseInitializer: [{ values, indices, dims: [4n] }] },
    }),
  );
  const siblings = memorySiblings(new Map([['data', data]]));
  const model = await readOnnx({ source: memorySource(bytesOfModel), siblings });
  const { bytes: written } = await encodeOnnx(model);
  const sparse = fromBinary(ModelProtoSchema, written).graph!.sparseInitializer[0]!;
  expect(sparse.values!.rawData).toEqual(data);
  expect(sparse.values!.externalData).toEqual([]);
  expect(sparse.indices!.rawData).toEqual(new Uint8Array(BigInt64Array.of(1n, 3n).buffer));
});

test('nodes are written in execution order', async () => {
  const relu = (from: string, to: string) => ({ opType: 'Relu', input: [from], output: [to] });
  const graph = {
    name: 'g',
    input: [{ name: 'a' }],
    output: [{ name: 'c' }],
    node: [relu('b', 'c'), relu('a', 'b')],
  };
  const file = toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, { irVersion: 8n, opsetImport: [{ version: 17n }], graph }),
  );
  const { bytes: written } = await encodeOnnx(await readOnnx({ source: memorySource(file) }));
  expect(fromBinary(ModelProtoSchema, written).graph!.node.map((n) => n.output[0])).toEqual(['b', 'c']);
});

test('an interrupted write leaves nothing', async () => {
  const model = await readOnnx({ source: memorySource(original) });
  const folder = memoryFolder();
  const signal = AbortSignal.abort();
  await expect(writeOnnx(model, { folder, name: 'm.onnx', signal })).rejects.toMatchObject({
    code: 'run/aborted',
    exitCode: 130,
  });
  expect(folder.files.size).toBe(0);
});
