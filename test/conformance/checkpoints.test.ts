/**
 * Folders for other loaders against the original packages (test/golden/checkpoints/make.py): our bytes are theirs, and
 * the very files that are written here were loaded by transformers, which read the weights that we decode.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  memoryFolder,
  memorySiblings,
  memorySource,
  memoryTensor,
  openSafetensors,
  rowCountOf,
  type SafetensorsFile,
  writeSafetensors,
} from 'lowbit/files';
import { beforeAll, describe, expect, test } from 'vitest';
import { convert, quantize, type RunRecord } from '../../src/index.ts';
import { formats, type NumberFormat } from '../../src/numerics/index.ts';
import { checkpointTargets } from '../../src/pipeline/checkpoint/checkpoint-targets.ts';

const golden = join(import.meta.dirname, '../golden/checkpoints');
const json = (name: string) => JSON.parse(readFileSync(join(golden, name), 'utf8'));
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

interface TinyModel {
  readonly config: string;
  readonly tensors: Readonly<Record<string, readonly number[]>>;
  readonly sha256: Readonly<Record<string, string>>;
}
interface LoadedFolder {
  readonly sha256: Readonly<Record<string, string>>;
  readonly weights: number;
  readonly weightsEqual: number;
  readonly largestLogitDifference: number;
}
const models: Record<string, TinyModel> = json('models.json');
const originals: Record<string, string> = json('quantized.json').sha256;
const loaded: Record<string, LoadedFolder> = json('loaded.json').folders;
let stored: SafetensorsFile;
beforeAll(async () => {
  const bytes = new Uint8Array(readFileSync(join(golden, 'quantized.safetensors')));
  stored = await openSafetensors(memorySource(bytes, 'quantized'));
});

/** The recipe's values: sign and mantissa by a hash of name and index, exponents that fall off and differ by row. */
function values(name: string, shape: readonly number[]): Float32Array {
  let seed = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) seed = Math.imul(seed ^ byte, 0x01000193);
  const bits = new Uint32Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < bits.length; i++) {
    let x = Math.imul(i, 0x9e3779b9) ^ seed;
    x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
    x ^= x >>> 16;
    const zeros = 31 - Math.clz32((x & 15 & -(x & 15)) | ((x & 15) === 0 ? 16 : 0));
    const exponent = 123 - zeros - (Math.floor(i / shape.at(-1)!) % 3);
    bits[i] = (x & 0x80000000) | (exponent << 23) | (((x >>> 24) & 127) << 16);
  }
  const out = new Float32Array(bits.buffer);
  if (name.endsWith('norm.weight')) return out.map((v) => v + 1);
  if (name.endsWith('q_proj.weight')) {
    out.fill(0, 64, 192);
    out.fill(0, 5 * shape[1]!, 6 * shape[1]!);
  }
  return out;
}

async function folderOf({ config, tensors }: TinyModel) {
  const files = memoryFolder();
  const sink = await files.open('model.safetensors');
  const made = Object.entries(tensors).map(([name, shape]) => {
    const bytes = new Uint8Array(values(name, shape).buffer);
    return memoryTensor(name, shape, 'float32', bytes);
  });
  await writeSafetensors(sink, made, new Map([['format', 'pt']]));
  await sink.commit();
  return new Map([...files.files, ['config.json', new TextEncoder().encode(config)]]);
}

async function written(size: string, to: string) {
  const output = memoryFolder();
  const files = await folderOf(models[size]!);
  const record = await quantize({ model: { folder: memorySiblings(files), name: size }, to, output });
  return { files: output.files, record };
}

test.each(Object.entries(models))(
  '%s: the values are those of the recipe',
  (_, { tensors, sha256: wanted }) => {
    for (const [name, shape] of Object.entries(tensors))
      expect([name, sha256(new Uint8Array(values(name, shape).buffer))]).toEqual([name, wanted[name]]);
  },
);

const cases = Object.keys(models).flatMap((size) =>
  Object.keys(checkpointTargets)
    .filter((target) => size === 'even' || target !== 'fp8:block')
    .map((target) => [size, target] as const),
);

const partBytes = async (file: SafetensorsFile, name: string) => {
  const tensor = file.tensors.get(name)!;
  return new Uint8Array(await tensor.read(0, rowCountOf(tensor.shape)));
};

const floats = (bytes: Uint8Array) => new Float32Array(bytes.slice().buffer);

/** Two codes of a byte, the first in the high half. */
const unpacked = (bytes: Uint8Array) => [...bytes].flatMap((byte) => [byte >> 4, byte & 15]);

/** Codes may differ only where both levels are equally far: bitsandbytes multiplies by 1 / absmax, we divide. */
function holdToTies(was: Float32Array, ours: Uint8Array, theirs: Uint8Array): void {
  const format: NumberFormat = formats.fp4;
  const levels = format.table!();
  const [a, b] = [unpacked(ours), unpacked(theirs)];
  let ties = 0;
  for (const [i, x] of was.entries()) {
    if (a[i] === b[i]) continue;
    ties++;
    const block = was.subarray(i - (i % 64), i - (i % 64) + 64);
    const real = x / block.reduce((largest, v) => Math.max(largest, Math.abs(v)), 0);
    const [one, other] = [Math.abs(levels[a[i]!]! - real), Math.abs(levels[b[i]!]! - real)];
    expect(Math.abs(one - other)).toBeLessThanOrEqual(2 ** -21 * Math.abs(real));
  }
  expect(ties).toBeGreaterThan(0);
  expect(ties).toBeLessThan(was.length / 100);
}

/** A row of zeros has any scale: 1 with us, the smallest step of float32 there. */
function holdToZeros(was: Float32Array, ours: Float32Array, theirs: Float32Array): void {
  const length = was.length / ours.length;
  for (const [row, scale] of ours.entries()) {
    if (scale === theirs[row]) continue;
    expect([scale, theirs[row]]).toEqual([1, 2 ** -23]);
    expect(was.subarray(row * length, (row + 1) * length).every((x) => x === 0)).toBe(true);
  }
}

describe.each(cases)('%s %s', (size, target) => {
  let files: ReadonlyMap<string, Uint8Array>;
  let record: RunRecord;
  beforeAll(async () => {
    ({ files, record } = await written(size, target));
  });

  test('these very files were loaded, and the loader decoded what we decode', () => {
    const facts = loaded[`${size}/${target}`]!;
    for (const name of ['config.json', 'model.safetensors'])
      expect([name, sha256(files.get(name)!)]).toEqual([name, facts.sha256[name]]);
    expect([facts.weights, facts.weightsEqual]).toEqual([7, 7]);
    // The others quantize activations as well.
    if (/4|block/.test(target)) expect(facts.largestLogitDifference).toBe(0);
  });

  test('every part has the bytes of the original package, but for ties and for scales of nothing', async () => {
    const file = await openSafetensors(memorySource(files.get('model.safetensors')!, 'ours'));
    let compared = 0;
    for (const [key, wanted] of Object.entries(originals)) {
      if (!key.startsWith(`${size}/${target}/`)) continue;
      const name = key.slice(size.length + target.length + 2).replace('weightSCB', 'SCB');
      const got = await partBytes(file, name);
      compared++;
      if (sha256(got) === wanted) continue;
      const weight = name.replace(/_scale$/, '');
      const was = values(weight, models[size]!.tensors[weight]!);
      if (target.startsWith('bnb:fp4')) {
        expect(name).toBe(weight);
        holdToTies(was, got, await partBytes(stored, `${size}/bnb:fp4/${name}`));
      } else {
        expect([target, name]).toEqual(['fp8:channel', `${weight}_scale`]);
        holdToZeros(was, new Float32Array(got.buffer), floats(await partBytes(stored, key)));
      }
    }
    expect(compared).toBeGreaterThanOrEqual(14);
  });

  test('the record tells what was read back', () => {
    const [{ stored: told, status, notes }] = record.outputs as [RunRecord['outputs'][number]];
    expect([status, told!.tensors.length]).toEqual(['done', 7]);
    for (const { sqnrDb } of told!.tensors) expect(sqnrDb).toBeGreaterThan(target.includes('4') ? 15 : 25);
    expect(notes[0]).toMatch(/^Loaded by .*(transformers|vLLM)/);
  });

  test('back to floats: no parts, no quantization_config, the distance of the record', async () => {
    const output = memoryFolder();
    await convert({
      model: { folder: memorySiblings(files), name: size },
      to: 'safetensors:float32',
      output,
    });
    const file = await openSafetensors(memorySource(output.files.get('model.safetensors')!, 'back'));
    expect([...file.tensors.keys()].sort()).toEqual(Object.keys(models[size]!.tensors).sort());
    expect(new TextDecoder().decode(output.files.get('config.json'))).toBe(`${models[size]!.config}\n`);
    for (const { name, shape, sqnrDb } of record.outputs[0]!.stored!.tensors) {
      const [was, is] = [values(name, shape), new Float32Array((await partBytes(file, name)).buffer)];
      let [signal, noise] = [0, 0];
      for (const [i, x] of was.entries()) {
        signal += x * x;
        noise += (x - is[i]!) ** 2;
      }
      expect(10 * Math.log10(signal / noise)).toBeCloseTo(sqnrDb!, 3);
    }
  });
});
