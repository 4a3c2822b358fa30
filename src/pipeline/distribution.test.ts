import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectFile } from '../../examples/glyphs/project-file.ts';
import { formatDistribution } from '../report/index.ts';
import { distribution } from './distribution.ts';

test('codes are counted by what they mean, all levels in range are drawn, and what does not fit is left out', async () => {
  const record = await distribution({
    model: projectFile('examples/glyphs/glyphs.onnx'),
    formats: ['mxfp4', 'nvfp4', 'e3m2/tensor', 'float16', 'int16', 'gguf:q4_k'],
  });
  for (const { usedCodes, codes } of record.formats) expect(usedCodes).toBeLessThanOrEqual(codes);
  expect(record.formats[0]).toMatchObject({ scheme: 'mxfp4/32', codes: 15, usedCodes: 15 });
  const { min, max } = record.distribution;
  const largest = Math.max(-min, max);
  for (const name of ['float16/tensor', 'int16/channel']) {
    const { levels } = record.formats.find(({ scheme }) => scheme === name)!;
    const inside = levels.filter((x) => Math.abs(x) <= largest);
    expect(new Set(inside.map((x) => Math.round((x / largest) * 10))).size, name).toBeGreaterThan(9);
  }
  expect(record.misfits?.map(({ scheme }) => scheme)).toEqual(['gguf:q4_k']);
  const text = formatDistribution(record, { width: 400 });
  expect(text).toMatch(/gguf:q4_k left out: Q4_K stores blocks of 256 values, and rows of \d+ are no whole/);

  // Types of ggml have no line of levels.
  const [first] = record.formats;
  const ofBlocks = { ...first!, scheme: 'gguf:q8_0', levels: [], codes: 0, usedCodes: 0 };
  const drawn = formatDistribution({ ...record, formats: [first!, ofBlocks] });
  expect(drawn.split('\n').filter((line) => /^gguf:q8_0 .*─/.test(line))).toEqual([]);
  await expect(
    distribution({ model: projectFile('examples/glyphs/glyphs.onnx'), formats: ['nf4', 'nf99'] }),
  ).rejects.toMatchObject({ code: 'name/unknown' });
});

test('codes that cannot be read are refused in words that fit: nothing becomes GGUF here', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lowbit-'));
  const header = JSON.stringify({ w: { dtype: 'I32', shape: [2, 2], data_offsets: [0, 16] } });
  const size = new Uint8Array(new BigUint64Array([BigInt(header.length)]).buffer);
  await writeFile(
    join(folder, 'model.safetensors'),
    Buffer.concat([size, Buffer.from(header), new Uint8Array(16)]),
  );
  try {
    for (const method of ['gptq', 'awq']) {
      await writeFile(
        join(folder, 'config.json'),
        JSON.stringify({ quantization_config: { quant_method: method, bits: 4 } }),
      );
      const error = await distribution({ model: folder, formats: ['nf4'] }).catch((e: unknown) => e);
      expect(error).toMatchObject({ code: 'checkpoint/quantized' });
      expect((error as Error).message).toMatch(
        new RegExp(
          `^The checkpoint is quantized already, with ${method}: lowbit cannot read its codes[.] Take `,
        ),
      );
      expect((error as Error).message).not.toContain('GGUF');
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
