import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { assets } from '../../../test/asset-models.ts';
import { LowbitError } from '../../tensor/index.ts';
import { openFile } from '../index.ts';
import { memoryFolder } from '../memory-folder.ts';
import { memorySource } from '../memory-source.ts';
import { onnxTensorRanges } from '../onnx/tensor-ranges.ts';
import { openSafetensors } from '../safetensors/open-safetensors.ts';
import { writeSafetensors } from '../safetensors/write-safetensors.ts';
import { openPacked } from './open-packed.ts';
import { type FileToPack, packFiles } from './pack-files.ts';
import { PACKED_KEY } from './packed-description.ts';

const folder = memoryFolder();

async function pack(files: readonly FileToPack[]): Promise<Uint8Array> {
  const spool = await folder.open('spool');
  const packed = await packFiles(files, spool);
  await spool.commit();
  const sink = await folder.open('model.lowbit');
  const tensors = packed.tensors(memorySource(folder.files.get('spool')!, 'spool'));
  await writeSafetensors(sink, tensors, new Map([[PACKED_KEY, JSON.stringify(packed.description)]]));
  await sink.commit();
  return folder.files.get('model.lowbit')!;
}

const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => (i % 1000 < 700 ? (i * i) % 11 : i * 7));
const range = (
  tensor: string,
  offset: number,
  length: number,
  dtype: 'int8' | 'float32' | 'int64' | 'int4' = 'int8',
) => ({
  tensor,
  dtype,
  dims: [length],
  location: undefined,
  offset,
  length,
});
const ranges = [
  range('a', 5000, 40_001),
  range('a', 45_001, 2000, 'float32'),
  range('b', 100_000, 150_000, 'int64'),
  range('inside b', 120_000, 5000),
  range('too small', 300, 1000),
  range('past the end', 299_000, 5000),
  range('', 60_000, 3000, 'int4'),
];

test('a file comes back byte by byte, in any pieces', async () => {
  const source = memorySource(bytes, 'm.onnx');
  const container = await pack([{ name: 'm.onnx', source, ranges }]);
  expect(container.length).toBeLessThan(bytes.length);
  const packed = (await openPacked(memorySource(container, 'model.lowbit')))!;
  const [file] = packed.files;
  expect(file!.size).toBe(bytes.length);
  expect(await file!.read(0, bytes.length)).toEqual(bytes);
  for (let i = 0; i < 200; i++) {
    const from = (i * 7919) % bytes.length;
    const length = Math.min(bytes.length - from, (i * 131) % 9000);
    expect(await file!.read(from, length)).toEqual(bytes.subarray(from, from + length));
  }
  await expect(file!.read(299_999, 2)).rejects.toThrow('m.onnx');
});

test('several files, and one without tensors', async () => {
  const files = [
    { name: 'm.onnx', source: memorySource(bytes, 'm.onnx'), ranges },
    {
      name: 'm.onnx.data',
      source: memorySource(bytes.subarray(0, 9000), 'd'),
      ranges: [range('a', 0, 9000)],
    },
    { name: 'none', source: memorySource(new Uint8Array(0), 'none'), ranges: [] },
  ];
  const packed = (await openPacked(memorySource(await pack(files), 'model.lowbit')))!;
  for (const [i, { source }] of files.entries())
    expect(await packed.files[i]!.read(0, source.size)).toEqual(await source.read(0, source.size));
  expect((await packed.siblings.open('m.onnx.data')).size).toBe(9000);
  await expect(packed.siblings.open('../m')).rejects.toThrow("'..'");
  await expect(packed.siblings.open('other')).rejects.toThrow('other');
});

test('a safetensors file that holds no files', async () => {
  const sink = await folder.open('plain');
  await writeSafetensors(sink, []);
  await sink.commit();
  expect(await openPacked(memorySource(folder.files.get('plain')!, 'plain'))).toBeUndefined();
});

// biome-ignore lint/suspicious/noExplicitAny: descriptions that no type allows are what is tested
type Loose = any;

test('one bit turned in anything stored is told: coded, as it is, between tensors', async () => {
  const noise = new Uint8Array(1_700_000);
  let state = 1;
  for (let i = 0; i < noise.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    noise[i] = state >>> 24;
  }
  const inside = [...ranges.slice(0, 1), range('as it is', 400_000, 1_200_000, 'float32')];
  noise.set(bytes.subarray(0, 100_000));
  const files = [{ name: 'm.onnx', source: memorySource(noise, 'm.onnx'), ranges: inside }];
  const container = await pack(files);
  const opened = (await openPacked(memorySource(container, 'a.lowbit')))!;
  const [model] = opened.described;
  expect([...model!.parts, model!.rest].map(({ coded }) => coded)).toEqual([1, undefined, 1]);
  expect(Buffer.compare(await opened.files[0]!.read(0, noise.length), noise)).toBe(0);
  const whole = container.length;
  const first = 8 + new DataView(container.buffer, container.byteOffset).getUint32(0, true);
  for (let i = 0; i < 24; i++) {
    const at = first + Math.floor((i * (whole - 1 - first)) / 23);
    container[at]! ^= 1 << (i % 8);
    const damaged = (await openPacked(memorySource(container, 'a.lowbit')))!.files[0]!;
    const error = await damaged.read(0, noise.length).then(
      () => undefined,
      (e: LowbitError) => e,
    );
    expect(error?.code, `byte ${at} of ${whole}`).toMatch(/^(packed\/malformed|entropy\/stream)$/);
    if (error?.code === 'packed/malformed')
      expect(error.message).toMatch(/bytes \d+ and on of 'as it is' are damaged: their CRC-32 is another/);
    container[at]! ^= 1 << (i % 8);
  }
});

describe('hostile containers', () => {
  const refusal = async (change: (description: Loose) => unknown): Promise<LowbitError> => {
    const container = await pack([{ name: 'm.onnx', source: memorySource(bytes, 'm.onnx'), ranges }]);
    const opened = await openSafetensors(memorySource(container, 'x'));
    const description = JSON.parse(opened.metadata.get(PACKED_KEY)!);
    const changed = change(description) ?? description;
    const sink = await folder.open('bad');
    const text = typeof changed === 'string' ? changed : JSON.stringify(changed);
    await writeSafetensors(sink, opened.tensors.values(), new Map([[PACKED_KEY, text]]));
    await sink.commit();
    try {
      const packed = (await openPacked(memorySource(folder.files.get('bad')!, 'bad.lowbit')))!;
      for (const file of packed.files) await file.read(0, Math.min(file.size, 2 ** 22));
    } catch (error) {
      if (error instanceof LowbitError) return error;
      throw error;
    }
    throw new Error('nothing was refused');
  };

  test.each<[string, (d: Loose) => unknown, string]>([
    ['no JSON', () => '{', "'lowbit.files' of its metadata is no JSON"],
    ['a key twice', (d) => JSON.stringify(d).replace('{', '{"version":1,'), "'version' stands twice"],
    ['no files', (d) => ({ ...d, files: [] }), 'it names no file'],
    ['a name twice', (d) => ({ ...d, files: [d.files[0], d.files[0]] }), 'two of its files have one name'],
    ['no size', (d) => void (d.files[0].sizeBytes = -1), "the size of 'm.onnx' is -1"],
    ['a size of all memory', (d) => void (d.files[0].sizeBytes = 2 ** 50), 'elements, where'],
    ['one byte more', (d) => void d.files[0].sizeBytes++, 'elements, where'],
    [
      'ranges that overlap',
      (d) => void (d.files[0].parts[1].offset -= 1),
      "tensor 1 of 'm.onnx' is said to be bytes",
    ],
    [
      'a range past the end',
      (d) => void (d.files[0].parts[3].length = 2 ** 40),
      "tensor 3 of 'm.onnx' is said",
    ],
    [
      'an unknown tensor',
      (d) => void (d.files[0].parts[0].tensor = 'z'),
      "the tensor 'z' of 'm.onnx' is missing",
    ],
    [
      'an unknown width',
      (d) => void (d.files[0].parts[0].coded = 3),
      "tensor 0 of 'm.onnx' is not described",
    ],
    [
      'a stream said to be bytes',
      (d) => void delete d.files[0].parts[0].coded,
      'the checksums of tensor 0 of',
    ],
    ['no rest', (d) => void delete d.files[0].rest, 'it does not say where the bytes between'],
  ])('%s', async (_, change, said) => {
    const error = await refusal(change);
    expect(['packed/malformed', 'entropy/stream']).toContain(error.code);
    expect(error.message).toContain(said);
  });

  test('a later version, and the whole text of what is wrong', async () => {
    expect((await refusal((d) => ({ ...d, version: 9 }))).message).toBe(
      'bad.lowbit is a .lowbit file of version 9, and this lowbit knows version 1. Use the lowbit that wrote it, or a newer one.',
    );
    expect((await refusal((d) => ({ ...d, files: 1 }))).message).toBe(
      'bad.lowbit is not a whole .lowbit file: it names no file. Get the file again, or pack the model again.',
    );
  });
});

const models = [
  'mobilenetv2-cifar10/model.onnx',
  'sst2-encoder/model.onnx',
  'tract-quant',
  'silero-vad/silero_vad.onnx',
]
  .map((name) => join(assets, name))
  .filter((path) => path.endsWith('.onnx') && existsSync(path));

test.skipIf(models.length === 0)(
  `real models: ${models.length === 0 ? 'LOWBIT_ASSETS has none' : models.length}`,
  async () => {
    for (const path of models) {
      const { source } = await openFile(path);
      const container = await pack([{ name: 'model.onnx', source, ranges: await onnxTensorRanges(source) }]);
      const packed = (await openPacked(memorySource(container, 'model.lowbit')))!;
      expect(
        Buffer.compare(await packed.files[0]!.read(0, source.size), await source.read(0, source.size)),
      ).toBe(0);
      expect(container.length).toBeLessThan(source.size);
      await source.close?.();
    }
  },
);
