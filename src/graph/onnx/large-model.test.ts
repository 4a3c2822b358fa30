import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { memoryFolder, openFile, openFolder } from '../../files/index.ts';
import { Graph, Model, readOnnx, tensorInfo, type Weight, writeOnnx } from '../index.ts';

/**
 * A model beyond 2 GiB: written as a stream, read back by ranges, loaded by ONNX Runtime. It needs 2.3 GB of
 * disk and some seconds, so it runs where LOWBIT_LARGE is set.
 */

const MIB = 2 ** 20;
const ROWS = 65_536;
const COLUMNS = 1024;
const TENSORS = 9;
/** 256 MiB each. */
const BYTES = ROWS * COLUMNS * 4;

/** Every byte tells its tensor and its place, and no float32 of it is NaN. */
const byteAt = (tensor: number, offset: number) => (tensor * 13 + Math.floor(offset / MIB)) % 120;

function syntheticWeight(tensor: number): Weight {
  return {
    dtype: 'float32',
    dims: [ROWS, COLUMNS],
    byteLength: BYTES,
    sliced: true,
    async read(offset = 0, length = BYTES - offset) {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; ) {
        const end = Math.min(length, at + MIB - ((offset + at) % MIB));
        bytes.fill(byteAt(tensor, offset + at), at, end);
        at = end;
      }
      return bytes;
    },
  };
}

function largeModel(): Model {
  const graph = new Graph('large');
  graph.inputs = [tensorInfo('row', 'int64', [1])];
  for (let i = 0; i < TENSORS; i++) {
    graph.initializers.set(`w${i}`, syntheticWeight(i));
    graph.add({ op: 'Gather', inputs: [`w${i}`, 'row'], outputs: [`y${i}`] });
    graph.outputs.push(tensorInfo(`y${i}`, 'float32', [1, COLUMNS]));
  }
  return new Model(graph);
}

test.skipIf(process.env.LOWBIT_LARGE === undefined)(
  'a model beyond 2 GiB (skipped unless LOWBIT_LARGE is set)',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lowbit-large-'));
    try {
      const before = peakBytes();
      let done = 0;
      const { files } = await writeOnnx(largeModel(), {
        folder: await openFolder(folder),
        name: 'large.onnx',
        onProgress: ({ doneBytes, totalBytes }) => {
          expect(doneBytes).toBeGreaterThan(done);
          expect(doneBytes).toBeLessThanOrEqual(totalBytes);
          done = doneBytes;
        },
      });
      expect(files.map((f) => f.name)).toEqual(['large.onnx', 'large.onnx_data']);
      expect(statSync(join(folder, 'large.onnx_data')).size).toBe(TENSORS * BYTES);
      expect(files[0]!.sizeBytes).toBeLessThan(4096);

      const path = join(folder, 'large.onnx');
      const read = await readOnnx(await openFile(path));
      for (let i = 0; i < TENSORS; i++) {
        const weight = read.graph.initializers.get(`w${i}`) as Weight;
        const offset = 200 * MIB + 17;
        expect(await weight.read(offset, 2)).toEqual(new Uint8Array(2).fill(byteAt(i, offset)));
      }
      const grown = peakBytes() - before;
      console.info(`peak memory grew by ${(grown / MIB).toFixed(0)} MiB`);
      expect(grown).toBeLessThan(256 * MIB);

      const session = await InferenceSession.create(path, { intraOpNumThreads: 1 });
      const outputs = await session.run({ row: new Tensor('int64', [60_000n], [1]) });
      for (let i = 0; i < TENSORS; i++) {
        const value = outputs[`y${i}`]!.data as Float32Array;
        const wanted = new Uint8Array(4).fill(byteAt(i, 60_000 * COLUMNS * 4));
        expect(new Uint8Array(value.buffer, value.byteOffset, 4)).toEqual(wanted);
      }
      await session.release();
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

/** Highest resident memory of this process so far. */
const peakBytes = () => process.resourceUsage().maxRSS * 1024;

test('a model beyond 2 GiB goes into no single file, and no byte of it is read to know that', async () => {
  const folder = memoryFolder();
  await expect(writeOnnx(largeModel(), { folder, name: 'large.onnx', externalData: false })).rejects.toThrow(
    /^large\.onnx would be 2415919\d{3} bytes, but ONNX Runtime reads at most 2146435072 from one file\. Write the weights as external data\.$/,
  );
  expect(folder.files.size).toBe(0);
});
