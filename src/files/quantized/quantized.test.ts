import { describe, expect, test } from 'vitest';
import {
  type CompositeTensor,
  dequantizeComposite,
  formats,
  parseScheme,
  quantizeComposite,
  schemeAt,
} from '../../numerics/index.ts';
import { LowbitError, seededRandom } from '../../tensor/index.ts';
import { memoryFolder } from '../memory-folder.ts';
import { memorySource } from '../memory-source.ts';
import { memoryTensor } from '../memory-tensor.ts';
import { openSafetensors } from '../safetensors/open-safetensors.ts';
import { writeSafetensors } from '../safetensors/write-safetensors.ts';
import { rowCountOf, type TensorSource } from '../tensor-source.ts';
import { loadQuantized, partsOf } from './load-quantized.ts';
import { readQuantizedEntries } from './read-entries.ts';
import { storeQuantized } from './store-quantized.ts';
import { QUANTIZED_KEY, type QuantizedEntry } from './tensor-entry.ts';

const axes = { channel: 0, group: 1 };
const dims = [24, 50];

function weight(seed: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from(
    { length: 1200 },
    (_, i) =>
      Math.sqrt(-2 * Math.log(1 - random())) *
      Math.cos(2 * Math.PI * random()) *
      (1 + (i % 50 === 7 ? 9 : 0)),
  );
}

async function fileOf(
  parts: readonly TensorSource[],
  entries: Record<string, unknown>,
  version: unknown = 1,
) {
  const folder = memoryFolder();
  const sink = await folder.open('model.safetensors');
  const text = JSON.stringify({ version, tensors: entries });
  await writeSafetensors(sink, parts, new Map([[QUANTIZED_KEY, text]]));
  await sink.commit();
  return openSafetensors(memorySource(folder.files.get('model.safetensors')!, 'model.safetensors'));
}

async function comeBack(q: CompositeTensor, scheme: string): Promise<CompositeTensor> {
  const { entry, parts, sizes } = await storeQuantized('a.w', q, { scheme, axes });
  const file = await fileOf(parts, { 'a.w': entry });
  const entries = readQuantizedEntries(file, 'model.safetensors');
  expect(partsOf('a.w', file.tensors).sort()).toEqual(parts.map(({ name }) => name).sort());
  expect(sizes.entropyBitsPerCode).toBeLessThanOrEqual(sizes.packedBitsPerCode + 1e-9);
  expect(sizes.bitsPerCode).toBeLessThanOrEqual(
    (Math.ceil((sizes.codes * sizes.packedBitsPerCode) / 8) * 8) / sizes.codes,
  );
  return loadQuantized('a.w', entries.get('a.w')!, file.tensors, 'model.safetensors');
}

/** Absent and undefined are the same. */
const plain = (q: CompositeTensor) => JSON.parse(JSON.stringify(q));

describe('what is stored comes back exactly', () => {
  const schemes = Object.values(formats).flatMap(({ name }) => [name, `${name}+rans`]);
  test.each(schemes)('%s', async (scheme) => {
    const request = parseScheme(scheme);
    const q = await quantizeComposite(weight(3), dims, schemeAt(request, axes));
    const back = await comeBack(q, scheme);
    expect(plain(back)).toEqual(plain(q));
    expect(back.base.codes).toEqual(q.base.codes);
    expect(dequantizeComposite(back)).toEqual(dequantizeComposite(q));
  });

  test.each([
    'int4/16:asymmetric',
    'uint4/16:asymmetric,scale=float16+rans',
    'int8/channel:pot',
    'int8/tensor:scale=bfloat16',
    'uint4/16:zero=real,asymmetric',
    'nf4/8+double',
    'nf4/8+double+rans',
    'e4m3fn/8x16',
    'kmeans4/channel+outliers=1%+rans',
    'int4/16+outliers=3sd',
    'int8/token',
    'int8/channel+columns=6+rans',
    'int3/16+lowrank=4+rans',
    'nf4/8+double+outliers=0.5%+lowrank=2+rans',
  ])('%s', async (scheme) => {
    const q = await quantizeComposite(weight(5), dims, schemeAt(parseScheme(scheme), axes));
    const back = await comeBack(q, scheme);
    expect(plain(back)).toEqual(plain(q));
    expect(dequantizeComposite(back)).toEqual(dequantizeComposite(q));
  });

  test.each(['float16', 'bfloat16'] as const)('books of %s take 16 bits an entry', async (type) => {
    const text = `kmeans4/channel:scale=${type}`;
    const q = await quantizeComposite(weight(5), dims, schemeAt(parseScheme(text), axes));
    const { parts } = await storeQuantized('w', q, { scheme: text, axes });
    const book = parts.find(({ name }) => name === 'w.book')!;
    expect([book.type, book.shape]).toEqual([type, [24, 16]]);
    const back = await comeBack(q, text);
    expect(back.base.book).toEqual(q.base.book);
    expect(dequantizeComposite(back)).toEqual(dequantizeComposite(q));
  });

  test('a scheme that the text does not say is refused', async () => {
    const q = await quantizeComposite(weight(5), dims, schemeAt(parseScheme('int4/16'), axes));
    await expect(storeQuantized('w', q, { scheme: 'int4/32', axes })).rejects.toThrow(
      "The quantized tensor 'w' cannot be written: 'int4/32' does not say all of its scheme,",
    );
  });
});

/** A part of a file whose bytes are others. */
const flipped = (part: TensorSource, bytes: Uint8Array): TensorSource => ({
  ...part,
  read: async () => bytes,
});

describe('hostile files', () => {
  const scheme = 'nf4/8+double+outliers=0.5%+lowrank=2+rans';
  const stored = (async () => {
    const values = weight(5);
    const q = await quantizeComposite(values, dims, schemeAt(parseScheme(scheme), axes));
    return storeQuantized('w', q, { scheme, axes });
  })();
  const refusal = async (
    change: (entry: QuantizedEntry, parts: TensorSource[]) => [unknown, TensorSource[]],
    version?: unknown,
  ): Promise<LowbitError> => {
    const { entry, parts } = await stored;
    const [changed, others] = change(entry, [...parts]);
    try {
      const file = await fileOf(others, { w: changed }, version);
      const read = readQuantizedEntries(file, 'm.safetensors');
      await loadQuantized('w', read.get('w')!, file.tensors, 'm.safetensors');
    } catch (error) {
      if (error instanceof LowbitError) return error;
      throw error;
    }
    throw new Error('nothing was refused');
  };

  test('each part missing, or of another shape', async () => {
    const { parts } = await stored;
    for (const { name } of parts) {
      const gone = await refusal((entry, all) => [entry, all.filter((part) => part.name !== name)]);
      expect(gone.code, name).toBe('quantized/tensor');
      const other = memoryTensor(name, [7], 'uint8', new Uint8Array(7));
      const odd = await refusal((entry, all) => [
        entry,
        all.map((part) => (part.name === name ? other : part)),
      ]);
      expect(['quantized/tensor', 'entropy/stream'], name).toContain(odd.code);
    }
    const gone = await refusal((entry, all) => [
      entry,
      all.filter((part) => part.name !== 'w.low_rank.left'),
    ]);
    expect(gone.message).toBe(
      "m.safetensors: the quantized tensor 'w' is not stored as its description says: its part '.low_rank.left' is missing. Get the file again, or quantize the model again.",
    );
  });

  test.each<[string, (entry: QuantizedEntry) => unknown, string]>([
    ['a shape of other size', (e) => ({ ...e, dims: [24, 51] }), 'codes'],
    [
      'a shape that takes all memory',
      (e) => ({ ...e, dims: [2 ** 25, 2 ** 25] }),
      'codes cannot hold 140737488355328 values',
    ],
    ['a shape that no number holds', (e) => ({ ...e, dims: [2 ** 40, 2 ** 40] }), 'its shape is'],
    ['a negative axis', (e) => ({ ...e, dims: [-24, 50] }), 'its shape is [-24,50]'],
    ['no shape', (e) => ({ ...e, dims: 'all' }), 'its shape is "all"'],
    ['an axis that it has not', (e) => ({ ...e, axes: { channel: 0, group: 5 } }), "its scheme '"],
    ['no mean', ({ mean: _, ...e }) => e, 'the mean of its scales is not given'],
    ['a mean that is a text', (e) => ({ ...e, mean: '1' }), 'the mean of its scales is 1'],
    ['an unknown format', (e) => ({ ...e, scheme: 'nf44/8' }), "Unknown format 'nf44'"],
    [
      'another format',
      (e) => ({ ...e, scheme: 'nf3/8+double+outliers=0.5%+lowrank=2' }),
      'where uint8 [450] is wanted',
    ],
    [
      'another rank',
      (e) => ({ ...e, scheme: 'nf4/8+double+outliers=0.5%+lowrank=3' }),
      "'.low_rank.left' is",
    ],
    ['an unknown key', (e) => ({ ...e, more: 1 }), "'more' of its description is not known"],
    ['no description', () => 3, 'its description is no object'],
  ])('%s', async (_, change, said) => {
    const error = await refusal((entry, parts) => [change(entry), parts]);
    expect(['quantized/tensor', 'entropy/stream', 'name/unknown']).toContain(error.code);
    expect(error.message).toContain(said);
  });

  test('codes that the format does not have', async () => {
    const q = await quantizeComposite(weight(5), dims, schemeAt(parseScheme('int8/tensor'), axes));
    const { entry, parts } = await storeQuantized('w', q, { scheme: 'int8/tensor+rans', axes });
    expect(parts.map(({ name }) => name)).toContain('w.codes.rans');
    const error = await refusal(() => [{ ...entry, scheme: 'int4/tensor+rans' }, [...parts]]);
    expect(error.message).toMatch(/its code \d+ is -?\d+, where -8 to 7 can be/);
  });

  test.each([
    'int4/tensor',
    'int4/tensor+rans',
    'nf4/8+double+outliers=0.5%+lowrank=2+rans',
    'kmeans4/channel',
    'mxint8',
    'uint4/16:asymmetric,zero=real',
  ])('one bit turned in any part is told: %s', async (text) => {
    const q = await quantizeComposite(weight(5), dims, schemeAt(parseScheme(text), axes));
    const { entry, parts } = await storeQuantized('w', q, { scheme: text, axes });
    const file = await fileOf(parts, { w: entry });
    for (const { name, shape, type, read } of parts) {
      const bytes = await read(0, rowCountOf(shape));
      for (let at = 0; at < bytes.length; at += 1 + Math.floor(bytes.length / 40)) {
        const damaged = bytes.slice();
        damaged[at]! ^= 1 << (at % 8);
        const tensors = new Map(file.tensors).set(name, flipped(file.tensors.get(name)!, damaged));
        const error = await loadQuantized('w', entry, tensors, 'm.safetensors').catch((e) => e);
        expect(error.code, `${type} ${name}, byte ${at}`).toMatch(/^(quantized\/damaged|entropy\/stream)$/);
        if (name === 'w.scale')
          expect(error.message).toBe(
            "m.safetensors: the part '.scale' of the quantized tensor 'w' is damaged: its CRC-32 is not the one that was written. Get the file again, or quantize the model again.",
          );
      }
    }
  });

  test('a part without a checksum', async () => {
    const error = await refusal(({ crc32, ...entry }, parts) => {
      const { '.scale.codes': _, '.scale.scale': __, ...others } = crc32;
      return [{ ...entry, crc32: others }, parts];
    });
    expect(error.message).toMatch(/the checksum of its part '\.scale\.(codes|scale)' is not given/);
  });

  test('a later version', async () => {
    const error = await refusal((entry, parts) => [entry, parts], 2);
    expect(error.message).toBe(
      'm.safetensors holds quantized tensors of version 2, and this lowbit knows version 1. Use the lowbit that wrote it, or a newer one.',
    );
  });
});
