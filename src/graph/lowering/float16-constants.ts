import { encodeFloat16 } from '../../numerics/index.ts';
import { elementCount, fail } from '../../tensor/index.ts';
import { lazyWeight, type Weight } from '../weight.ts';

/** Largest finite float16. */
export const FLOAT16_MAX = 65504;
/** Smallest positive float16. */
const FLOAT16_TINY = 2 ** -24;
/** Magnitudes below half of it round to zero. */
const ROUNDS_TO_ZERO = 2 ** -25;
const CHUNK_BYTES = 4 * 1024 * 1024;

/** Largest finite magnitude of a float32 constant, read in chunks. @throws numerics/not-finite at the first NaN. */
export async function largestOf(name: string, weight: Weight): Promise<number> {
  let largest = 0;
  for (let at = 0; at < weight.byteLength; at += CHUNK_BYTES) {
    const bytes = await weight.read(at, Math.min(CHUNK_BYTES, weight.byteLength - at));
    const values = floats(bytes);
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (Number.isNaN(value)) fail('numerics/not-finite', { name, index: at / 4 + i, value: 'NaN' });
      const magnitude = Math.abs(value);
      if (magnitude > largest && magnitude !== Number.POSITIVE_INFINITY) largest = magnitude;
    }
  }
  return largest;
}

/**
 * The constant in float16. Finite values beyond the range become its ends. In scalars and vectors of a few
 * values (epsilons, mask values) what would vanish becomes the smallest float16, so that nothing divides by 0.
 */
export function toFloat16(weight: Weight): Weight {
  const few = elementCount(weight.dims) <= 4;
  return lazyWeight('float16', weight.dims, async () => {
    const values = floats(await weight.read());
    const codes = new Uint16Array(values.length);
    for (let at = 0; at < values.length; at += CHUNK_BYTES) {
      const chunk = values.slice(at, at + CHUNK_BYTES);
      for (let i = 0; i < chunk.length; i++) {
        const x = chunk[i]!;
        if (x > FLOAT16_MAX && x !== Number.POSITIVE_INFINITY) chunk[i] = FLOAT16_MAX;
        else if (x < -FLOAT16_MAX && x !== Number.NEGATIVE_INFINITY) chunk[i] = -FLOAT16_MAX;
        else if (few && x !== 0 && Math.abs(x) <= ROUNDS_TO_ZERO) chunk[i] = Math.sign(x) * FLOAT16_TINY;
      }
      codes.set(encodeFloat16(chunk), at);
    }
    return new Uint8Array(codes.buffer);
  });
}

function floats(bytes: Uint8Array): Float32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
}
