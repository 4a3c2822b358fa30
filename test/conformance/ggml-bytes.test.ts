import { blockFormats, decodeBlocks, encodeBlocks, type QuantizedBlockName } from 'lowbit/numerics';
import { describe, expect, test } from 'vitest';
import { type BlockKernel, blockKernels } from '../../src/kernels/index.ts';
import { openOracle, whyNoOracle } from '../ggml/oracle.ts';
import { sampleImportance, sampleRows } from '../ggml/sample-rows.ts';

const names = Object.keys(blockKernels) as QuantizedBlockName[];
const why = whyNoOracle();
const oracle = why === undefined ? openOracle() : undefined;

/** Blocks of `a` that differ from those of `b`. */
function differing(a: Uint8Array, b: Uint8Array, bytes: number): number {
  expect(a.length).toBe(b.length);
  let count = 0;
  for (let at = 0; at < a.length; at += bytes) {
    if (Buffer.compare(a.subarray(at, at + bytes), b.subarray(at, at + bytes)) !== 0) count++;
  }
  return count;
}

describe.each(names)('%s', (name) => {
  const { importance: use, block, bytes } = blockFormats[name];
  // Row lengths: one that leaves part of every lane group over, one that fills many.
  const layouts = [
    { rows: 3, rowLength: block * 3 },
    { rows: 4, rowLength: Math.max(block, 256) * 4 },
  ];
  const importances = use === 'required' ? [true] : [false, true];

  for (const weighted of importances) {
    const label = weighted ? 'with importance' : 'without importance';

    test.skipIf(oracle === undefined)(`reference search gives ggml's bytes, ${label}`, async () => {
      const wrong: Record<string, number> = {};
      for (const { rows, rowLength } of layouts) {
        const importance = weighted ? sampleImportance(rowLength) : undefined;
        for (const { name: kind, values } of sampleRows(rows, rowLength)) {
          const got = await encodeBlocks(name, values, rowLength, { search: 'reference', importance });
          const count = differing(got, oracle!.encode(name, values, rowLength, importance), bytes);
          if (count > 0) wrong[`${kind} [${rows}, ${rowLength}]`] = count;
        }
      }
      expect(wrong).toEqual({});
    });

    test.each(['reference', 'best'] as const)(
      `the twin gives the kernel's bytes in %s search, ${label}`,
      async (search) => {
        const twin = await (blockKernels as Record<string, BlockKernel>)[name]!.twin();
        const wrong: Record<string, number> = {};
        const { rows, rowLength } = layouts[0]!;
        const importance = weighted ? sampleImportance(rowLength) : undefined;
        for (const { name: kind, values } of sampleRows(rows, rowLength)) {
          const got = await encodeBlocks(name, values, rowLength, { search, importance });
          const rowBytes = (rowLength / block) * bytes;
          for (let row = 0; row < rows; row++) {
            const wanted = new Uint8Array(rowBytes);
            twin.encode(values.subarray(row * rowLength, (row + 1) * rowLength), importance, search, wanted);
            const count = differing(got.subarray(row * rowBytes, (row + 1) * rowBytes), wanted, bytes);
            if (count > 0) wrong[kind] = (wrong[kind] ?? 0) + count;
            const real = new Float32Array(rowLength);
            twin.decode(wanted, real);
            const fast = await decodeBlocks(name, wanted, rowLength);
            if (Buffer.compare(Buffer.from(real.buffer), Buffer.from(fast.buffer)) !== 0)
              wrong[`${kind}, decoded`] = 1;
          }
        }
        expect(wrong).toEqual({});
      },
    );
  }

  test.skipIf(oracle === undefined)('decodes as ggml does', async () => {
    const { rows, rowLength } = layouts[1]!;
    const importance = use === 'required' ? sampleImportance(rowLength) : undefined;
    for (const { name: kind, values } of sampleRows(rows, rowLength)) {
      const encoded = oracle!.encode(name, values, rowLength, importance);
      const got = await decodeBlocks(name, encoded, values.length);
      expect([
        kind,
        differing(bytesOf(got), bytesOf(oracle!.decode(name, encoded, values.length)), 4),
      ]).toEqual([kind, 0]);
    }
  });

  test('best search is no worse than reference search', async () => {
    const { rows, rowLength } = layouts[1]!;
    for (const importance of importances.map((w) => (w ? sampleImportance(rowLength) : undefined))) {
      const { values } = sampleRows(rows, rowLength)[0]!;
      const error = async (search: 'reference' | 'best') => {
        const decoded = await decodeBlocks(
          name,
          await encodeBlocks(name, values, rowLength, { search, importance }),
          values.length,
        );
        return values.reduce(
          (sum, v, i) => sum + (importance?.[i % rowLength] ?? 1) * (v - decoded[i]!) ** 2,
          0,
        );
      };
      expect(await error('best')).toBeLessThanOrEqual(await error('reference'));
    }
  });
});

const bytesOf = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

test('every type has its kernel', () => {
  const floats = ['float32', 'float16', 'bfloat16'];
  const missing = Object.keys(blockFormats).filter(
    (name) => !floats.includes(name) && !(name in blockKernels),
  );
  expect(missing).toEqual([]);
});

test.skipIf(oracle === undefined)('sizes are those of ggml', () => {
  for (const name of names) {
    const { block, bytes, importance } = blockFormats[name];
    const length = Math.max(block, 256);
    const encoded = oracle!.encode(
      name,
      new Float32Array(length).fill(1),
      length,
      importance === 'required' ? sampleImportance(length) : undefined,
    );
    expect(encoded.length).toBe((length / block) * bytes);
  }
});

if (why !== undefined) test.skip(`without ggml's bytes: ${why}`, () => {});
