/** What a user of .lowbit files and of folders of schemes sees; what goes in comes out, byte by byte. */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelSummary, WeightsSummary } from 'lowbit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openFile, openSafetensorsFolder, rowCountOf } from '../../src/files/index.ts';
import { assets } from '../asset-models.ts';
import { glyphModel, recordOf, runLowbit } from '../run-lowbit.ts';

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'lowbit-packed-cli-'));
});
afterAll(() => rm(cwd, { recursive: true }));

const bytesOf = (name: string) => readFile(join(cwd, name));
const sizeOf = async (name: string) => (await stat(join(cwd, name))).size;

test('quantize -o model.lowbit: unpacked, the ONNX file of the same scheme without rans', async () => {
  const scheme = 'format:int5/channel';
  const packed = await recordOf(
    ['quantize', glyphModel, '--to', `${scheme}+rans`, '-o', 'g.lowbit', '--runs', '0', '--no-memory'],
    { cwd },
  );
  expect([packed.code, packed.stderr]).toEqual([0, '']);
  const plain = await recordOf(
    ['quantize', glyphModel, '--to', scheme, '-o', 'g.onnx', '--runs', '0', '--no-memory'],
    { cwd },
  );
  expect(plain.code).toBe(0);
  const [output] = packed.record.outputs;
  expect(output!.file!.sizeBytes).toBe(await sizeOf('g.lowbit'));
  expect(output!.stored!.tensors.length).toBeGreaterThan(3);
  for (const { bitsPerCode, entropyBits } of output!.stored!.tensors)
    expect(entropyBits).toBeLessThanOrEqual(bitsPerCode + 1e-9);

  const unpacked = await recordOf(['convert', 'g.lowbit', '--to', 'onnx', '-o', 'back.onnx'], { cwd });
  expect([unpacked.code, unpacked.stderr]).toEqual([0, '']);
  expect(Buffer.compare(await bytesOf('back.onnx'), await bytesOf('g.onnx'))).toBe(0);
  expect(await sizeOf('g.lowbit')).toBeLessThan(await sizeOf('g.onnx'));

  const summary = await runLowbit(['inspect', 'g.lowbit', '--json'], { cwd });
  const seen = JSON.parse(summary.stdout) as ModelSummary;
  expect(seen.operators.length).toBeGreaterThan(3);
  expect(seen.stored!.bitsPerWeight).toBeCloseTo(output!.stored!.bitsPerWeight, 9);
  expect(seen.stored!.entropyBits).toBeCloseTo(output!.stored!.entropyBits, 9);
});

test('a dry run of a conversion plans and writes nothing', async () => {
  const dry = async (...args: string[]) => {
    const { code, record, stderr } = await recordOf(['convert', ...args, '--dry-run'], { cwd });
    expect([code, stderr]).toEqual([0, '']);
    expect(record.outputs[0]!.status).toBe('planned');
    return record.outputs[0]!;
  };
  const packed = await dry('g.onnx', '--to', 'lowbit', '-o', 'dry.lowbit');
  expect(packed.notes.join(' ')).toMatch(/tensors of \d+ bytes would be packed/);
  const back = await dry('g.lowbit', '--to', 'onnx', '-o', 'dry.onnx');
  expect(back.predictedSizeBytes).toBe(await sizeOf('g.onnx'));
  expect(existsSync(join(cwd, 'dry.lowbit')) || existsSync(join(cwd, 'dry.onnx'))).toBe(false);
});

const encoder = join(assets, 'sst2-encoder/model.onnx');
test.skipIf(!existsSync(encoder))(
  `a real int8 model packed and unpacked${existsSync(encoder) ? '' : ': LOWBIT_ASSETS has no sst2-encoder'}`,
  async () => {
    const made = await runLowbit(
      ['quantize', encoder, '--to', 'int8-dynamic', '-o', 'e.onnx', '--runs', '0'],
      { cwd },
    );
    expect(made.code).toBe(0);
    const packed = await recordOf(['convert', 'e.onnx', '--to', 'lowbit', '-o', 'e.lowbit'], { cwd });
    const [output] = packed.record.outputs;
    expect(output!.file!.sizeBytes).toBeLessThan(0.94 * (await sizeOf('e.onnx')));
    expect(output!.stored!.bitsPerCode / output!.stored!.entropyBits).toBeLessThan(1.01);
    const text = await runLowbit(['convert', 'e.lowbit', '--to', 'onnx', '-o', 'e2.onnx'], { cwd });
    expect(text.stdout).toContain('onnx  e2.onnx');
    expect(Buffer.compare(await bytesOf('e2.onnx'), await bytesOf('e.onnx'))).toBe(0);
  },
);

const checkpoint = join(assets, 'lm-4m');
test.skipIf(!existsSync(checkpoint))(
  `a folder in a scheme, and back as floats${existsSync(checkpoint) ? '' : ': LOWBIT_ASSETS has no lm-4m'}`,
  async () => {
    const { code, record, stderr } = await recordOf(
      ['quantize', checkpoint, '--to', 'safetensors:nf4/64+double+rans', '-o', 'q/'],
      { cwd },
    );
    expect([code, stderr]).toEqual([0, '']);
    const stored = record.outputs[0]!.stored!;
    expect(stored.tensors).toHaveLength(28);
    expect(stored.bitsPerWeight).toBeLessThan(4.1);
    expect(stored.entropyBits).toBeLessThan(stored.bitsPerCode);
    const seen = JSON.parse((await runLowbit(['inspect', 'q', '--json'], { cwd })).stdout) as WeightsSummary;
    expect(seen.stored!.bitsPerWeight).toBeCloseTo(stored.bitsPerWeight, 9);
    expect(seen.stored!.tensors[0]!.as).toBe('nf4/64+double+rans');

    const dry = await recordOf(['convert', 'q', '--to', 'safetensors:float32', '-o', 'f/', '--dry-run'], {
      cwd,
    });
    expect([dry.code, dry.stderr, existsSync(join(cwd, 'f'))]).toEqual([0, '', false]);
    expect(dry.record.outputs[0]!.predictedSizeBytes).toBeGreaterThan(1e6);
    const back = await recordOf(['convert', 'q', '--to', 'safetensors:float32', '-o', 'f/'], { cwd });
    expect([back.code, back.stderr]).toEqual([0, '']);
    const source = await openSafetensorsFolder((await openFile(join(checkpoint, 'config.json'))).siblings);
    const floats = await openSafetensorsFolder((await openFile(join(cwd, 'f/config.json'))).siblings);
    expect([...floats.tensors.keys()].sort()).toEqual([...source.tensors.keys()].sort());
    const name = 'model.layers.0.mlp.up_proj.weight';
    const [from, to] = [source.tensors.get(name)!, floats.tensors.get(name)!];
    expect(to.shape).toEqual(from.shape);
    const was = new Uint16Array((await from.read(0, rowCountOf(from.shape))).slice().buffer);
    const is = new Float32Array((await to.read(0, rowCountOf(to.shape))).slice().buffer);
    const before = new Float32Array(Uint32Array.from(was, (bits) => bits << 16).buffer);
    let [noise, signal] = [0, 0];
    for (const [i, x] of before.entries()) {
      noise += (x - is[i]!) ** 2;
      signal += x * x;
    }
    expect(10 * Math.log10(signal / noise)).toBeGreaterThan(18);
    await source.close();
    await floats.close();
  },
);

test('what a user can get wrong', async () => {
  await writeFile(join(cwd, 'damaged.lowbit'), (await bytesOf('g.lowbit')).subarray(0, 4000));
  const said = async (...args: string[]) => (await runLowbit(args, { cwd })).stderr;
  expect(await said('convert', 'damaged.lowbit', '--to', 'onnx', '-o', 'no.onnx')).toContain('cut off');
  expect(await said('convert', 'g.onnx', '--to', 'onnx', '-o', 'no.onnx')).toContain(
    'not a safetensors file',
  );
  expect(await said('convert', 'g.lowbit', '--to', 'onnx', '-o', 'g.onnx')).toContain('g.onnx');
  expect(await said('quantize', glyphModel, '--to', 'safetensors:nf44', '-o', 'no/')).toContain("'nf44'");
  expect(await said('quantize', glyphModel, '--to', 'safetensors:nf4', '-o', 'no/')).toContain(
    'takes format:nf4',
  );
  expect(existsSync(join(cwd, 'no.onnx')) || existsSync(join(cwd, 'no'))).toBe(false);
});
