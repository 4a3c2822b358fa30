import { expect, test } from 'vitest';
import {
  memoryFolder,
  memoryTensor,
  rowCountOf,
  stageInMemory,
  writeSafetensorsFolder,
} from '../../files/index.ts';
import { quantizeComposite } from '../../numerics/index.ts';
import { checkpointTargets } from './checkpoint-targets.ts';
import { checksum, type ExpectedWeight, verifyCheckpoint } from './verify-checkpoint.ts';

const name = 'model.layers.0.mlp.up_proj.weight';
const dims = [8, 64];
const values = Float32Array.from({ length: 512 }, (_, i) => Math.sin(i * 1.7) / (1 + (i % 7)));

/** A staged folder of one weight, what it was made from, and what is expected of it. */
async function staged(change: (bytes: Uint8Array) => void = () => {}) {
  const { layout, config } = checkpointTargets['fp8:channel'];
  const { scheme } = layout.scheme(dims);
  const parts = layout.store(
    { name, dims, dtype: 'float32' },
    values,
    await quantizeComposite(values, dims, scheme, { range: 'min-max' }),
  );
  const staging = stageInMemory(memoryFolder());
  await writeSafetensorsFolder(staging.folder, parts);
  const sink = await staging.folder.open('config.json');
  const quantization_config = config({ skipped: [], dtype: 'float32' });
  await sink.write(new TextEncoder().encode(JSON.stringify({ quantization_config })));
  await sink.commit();
  const model = staging.model('model.safetensors');
  if ('bytes' in model) change(model.bytes);
  const checksums: [string, number][] = [];
  for (const part of parts) {
    checksums.push([part.name, checksum(await part.read(0, rowCountOf(part.shape)))]);
  }
  const source = memoryTensor(name, dims, 'float32', new Uint8Array(values.buffer));
  const expected: ExpectedWeight = { name, sqnrDb: 0, checksums };
  return { staging, tensors: new Map([[name, source]]), expected: [expected], signal: undefined };
}

test('a code that changed on the way is found by its bytes', async () => {
  const written = await staged((bytes) => {
    bytes[bytes.length - 1]! ^= 0x40;
  });
  await expect(verifyCheckpoint(written)).rejects.toThrowErrorMatchingInlineSnapshot(
    `[LowbitError: The written checkpoint was read again, and 'model.layers.0.mlp.up_proj.weight' in model.safetensors has other bytes in 'model.layers.0.mlp.up_proj.weight'. Nothing was published. The disk may be failing; run again, and report it if it stays.]`,
  );
});

test('weights that decode to something else than was meant are found by their distance', async () => {
  await expect(verifyCheckpoint(await staged())).rejects.toThrow(
    /is 3\d\.\d{3} dB from the float weight, not 0\.000 dB/,
  );
});

test('a tensor that is not there', async () => {
  const written = await staged();
  const other = memoryTensor('model.norm.weight', [2], 'float32', new Uint8Array(8));
  const tensors = new Map([...written.tensors, [other.name, other]]);
  await expect(verifyCheckpoint({ ...written, tensors })).rejects.toThrow(
    "'model.norm.weight' in model.safetensors is not there",
  );
});
