import { readFileSync } from 'node:fs';
import { type Dataset, generatedDataset } from 'lowbit/data';
import { createRuntime } from 'lowbit/runtime';
import { float32, tensor } from 'lowbit/tensor';

const RATE = 16_000;
/** A frame of the detector: 512 new samples behind the last 64 of the frame before. */
const HOP = 512;
const CONTEXT = 64;
const WAV_HEADER_BYTES = 44;

/**
 * Frames of speech as the voice activity detector meets them in use: each with the recurrent state that the float
 * model had when it came to it.
 */
export async function speechFrames(model: string, wav: string, frames: number): Promise<Dataset> {
  const bytes = readFileSync(wav);
  const pcm = new Int16Array(
    bytes.buffer,
    bytes.byteOffset + WAV_HEADER_BYTES,
    (bytes.byteLength - WAV_HEADER_BYTES) >> 1,
  );
  const sr = tensor('int64', [], BigInt64Array.of(BigInt(RATE)));
  const inputs: { input: Float32Array; state: Float32Array }[] = [];
  const runtime = await createRuntime(undefined, { threads: 1 });
  try {
    const session = await runtime.load({ path: model });
    let state = new Float32Array(2 * 128);
    for (let i = 0; i < frames; i++) {
      const input = Float32Array.from(
        { length: CONTEXT + HOP },
        (_, j) => (pcm[i * HOP + j - CONTEXT] ?? 0) / 32768,
      );
      inputs.push({ input, state });
      const feeds = { input: float32([1, input.length], input), state: float32([2, 1, 128], state), sr };
      state = Float32Array.from((await session.run(feeds)).stateN!.data as Float32Array);
    }
  } finally {
    await runtime.close();
  }
  const frame = (i: number) => {
    const { input, state } = inputs[i]!;
    return { input: float32([1, input.length], input), state: float32([2, 1, 128], state), sr };
  };
  return {
    name: 'speech frames',
    size: frames,
    task: 'none',
    output: 'output',
    guesses: [],
    // The state's batch axis is its second one: one frame a run keeps it simple.
    async *batches({ start = 0, end = frames }) {
      for (let i = start; i < Math.min(end, frames); i++) yield { size: 1, feeds: frame(i) };
    },
  };
}

/** Runs of `length` bytes of a text, for models that read bytes. */
export function byteRuns(path: string, input: string, length: number, size: number): Dataset {
  let bytes: Uint8Array | undefined;
  return generatedDataset({
    name: `${length} bytes of text`,
    size,
    task: 'none',
    sample(i) {
      bytes ??= readFileSync(path);
      return { inputs: { [input]: tensor('uint8', [length], bytes.slice(i * length, (i + 1) * length)) } };
    },
  });
}
