import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fromBinary, isMessage } from '@bufbuild/protobuf';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { memoryFolder, memorySiblings, memorySource, openFile, openFolder } from '../../files/index.ts';
import {
  dtypeOfNumber,
  type ModelProto,
  ModelProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  type TensorShapeProto_Dimension,
  TensorShapeProto_DimensionSchema,
} from '../../files/onnx/index.ts';
import { bytesOf, tensor } from '../../tensor/index.ts';
import { encodeOnnx, readOnnx, writeOnnx } from '../index.ts';

/**
 * Real models from many exporters survive read and write: the protobuf library, which reads files whole and
 * knows nothing of our lazy reader, sees the same structure and the same numbers before and after.
 */
const assets = process.env.LOWBIT_ASSETS ?? resolve(import.meta.dirname, '../../../../shared/assets');
const models = existsSync(assets)
  ? readdirSync(assets, { recursive: true, encoding: 'utf8' })
      .filter((f) => f.endsWith('.onnx'))
      .sort()
  : [];

describe.skipIf(models.length === 0)(
  'models under LOWBIT_ASSETS (skipped where the folder is absent)',
  () => {
    test.each(models)('%s', async (name) => {
      const path = join(assets, name);
      const original = canonical(readFileSync(path));
      const model = await readOnnx(await openFile(path));

      const embedded = memoryFolder();
      await writeOnnx(model, { folder: embedded, name: 'model.onnx' });
      const bytes = embedded.files.get('model.onnx')!;
      expect(canonical(bytes)).toEqual(original);
      expect(sameBytes((await encodeOnnx(model)).bytes, bytes)).toBe(true);

      const external = memoryFolder();
      const { files } = await writeOnnx(model, { folder: external, name: 'model.onnx', externalData: true });
      expect(files.map((f) => f.sizeBytes)).toEqual(files.map((f) => external.files.get(f.name)!.byteLength));
      const reread = await readOnnx({
        source: memorySource(external.files.get('model.onnx')!),
        siblings: memorySiblings(external.files),
      });
      expect(sameBytes((await encodeOnnx(reread)).bytes, bytes)).toBe(true);
    });

    // ONNX Runtime has no kernels for the QONNX operators.
    test.each(models.filter((name) => !name.startsWith('qonnx')))('%s computes the same', async (name) => {
      const path = join(assets, name);
      const model = await readOnnx(await openFile(path));
      const folder = mkdtempSync(join(tmpdir(), 'lowbit-onnx-'));
      try {
        await writeOnnx(model, { folder: await openFolder(folder), name: 'm.onnx' });
        await writeOnnx(model, { folder: await openFolder(folder), name: 'x.onnx', externalData: true });
        const before = await outputsOf(path, name);
        expect(await outputsOf(join(folder, 'm.onnx'), name)).toEqual(before);
        expect(await outputsOf(join(folder, 'x.onnx'), name)).toEqual(before);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  },
);

const sameBytes = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

/** Outputs for inputs drawn from a fixed sequence, as hashes. */
async function outputsOf(path: string, name: string): Promise<Record<string, string>> {
  const session = await InferenceSession.create(path, { intraOpNumThreads: 1, logSeverityLevel: 4 });
  const feeds: Record<string, Tensor> = {};
  for (const info of session.inputMetadata) {
    if (!info.isTensor) throw new Error(`${info.name} is no tensor`);
    const known = Object.entries(shapes).find(([part]) => name.includes(part))?.[1][info.name];
    const dims = known ?? info.shape.map((d) => (typeof d === 'number' && d >= 0 ? d : (sizes[d] ?? 1)));
    feeds[info.name] = feed(info.name, info.type, dims);
  }
  const outputs = await session.run(feeds);
  await session.release();
  return Object.fromEntries(
    Object.entries(outputs).map(([name, t]) => [name, `${t.type} [${t.dims}] ${hash(t.data as Uint8Array)}`]),
  );
}

/** Symbolic dimensions are 1 but for these. */
const sizes: Record<string, number> = { seq: 8, length: 32, sequence: 576 };

/** Inputs without names for their dimensions, by model. */
const shapes: Record<string, Record<string, readonly number[]>> = {
  'silero_vad.onnx': { input: [1, 576], state: [2, 1, 128] },
  qtdnn: { input: [16, 10] },
};

function feed(name: string, type: string, dims: readonly number[]): Tensor {
  const count = dims.reduce((a, b) => a * b, 1);
  const at = (i: number) => ((i * 7919 + 13) % 1009) / 1009;
  if (name === 'sr') return new Tensor('int64', [16000n], dims);
  if (name === 'attention_mask') return new Tensor('int64', new Array(count).fill(1n), dims);
  switch (type) {
    case 'int64':
      return new Tensor(
        'int64',
        Array.from({ length: count }, (_, i) => BigInt(Math.floor(at(i) * 60))),
        dims,
      );
    case 'int32':
      return new Tensor(
        'int32',
        Array.from({ length: count }, (_, i) => Math.floor(at(i) * 60)),
        dims,
      );
    case 'uint8':
      return new Tensor(
        'uint8',
        Array.from({ length: count }, (_, i) => Math.floor(at(i) * 255)),
        dims,
      );
    case 'int8':
      return new Tensor(
        'int8',
        Array.from({ length: count }, (_, i) => Math.floor(at(i) * 255) - 128),
        dims,
      );
    default:
      return new Tensor(
        'float32',
        Array.from({ length: count }, (_, i) => at(i) - 0.5),
        dims,
      );
  }
}

const hash = (view: ArrayBufferView) =>
  createHash('sha256')
    .update(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
    .digest('hex');

/** A model as plain data: absent and empty are one, and a tensor is its type, shape and the hash of its bytes. */
function canonical(bytes: Uint8Array): unknown {
  const proto: ModelProto = fromBinary(ModelProtoSchema, bytes);
  for (const opset of proto.opsetImport) if (opset.domain === 'ai.onnx') opset.domain = '';
  return plain(proto);
}

function plain(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (isMessage(value, TensorProtoSchema)) return plainTensor(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  if (isMessage(value, TensorShapeProto_DimensionSchema) && isUnknown(value)) return 'unknown';
  if (Array.isArray(value)) return value.map(plain);
  const said = Object.entries(value).filter(([, v]) => !isNothing(v));
  return Object.fromEntries(said.map(([key, v]) => [key, plain(v)]));
}

/** Exporters write -1 for a size they do not know. */
const isUnknown = ({ value }: TensorShapeProto_Dimension) =>
  value.case === undefined || (value.case === 'dimValue' && value.value < 0n);

const isNothing = (v: unknown) =>
  v === undefined ||
  v === '' ||
  v === 0n ||
  (Array.isArray(v) && v.length === 0) ||
  (v instanceof Uint8Array && v.length === 0);

function plainTensor(proto: TensorProto): unknown {
  const { name, docString, dataType, dims, metadataProps, stringData } = proto;
  const data = hash(rawBytes(proto));
  return { name, docString, dataType, dims, metadataProps, stringData, data };
}

function rawBytes(proto: TensorProto): Uint8Array {
  if (proto.rawData.length > 0) return proto.rawData;
  if (proto.floatData.length > 0) return bytesOf(tensor('float32', [], Float32Array.from(proto.floatData)));
  if (proto.doubleData.length > 0) return bytesOf(tensor('float64', [], Float64Array.from(proto.doubleData)));
  if (proto.int64Data.length > 0) return bytesOf(tensor('int64', [], BigInt64Array.from(proto.int64Data)));
  const dtype = dtypeOfNumber(proto.dataType);
  if (dtype === 'int32') return bytesOf(tensor('int32', [], Int32Array.from(proto.int32Data)));
  if (proto.int32Data.length > 0) return Uint8Array.from(proto.int32Data);
  return new Uint8Array(0);
}
