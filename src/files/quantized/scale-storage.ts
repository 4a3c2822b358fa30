import { fromFloat32, toFloat32 } from '../../numerics/index.ts';
import { bytesOf, type DType, tensorFromBytes } from '../../tensor/index.ts';

/** Types that scales may be stored in, narrowest first: the first that holds all of them exactly is taken. */
export const scaleTypes = [
  'float8e8m0',
  'float8e4m3fn',
  'float8e5m2',
  'float16',
  'bfloat16',
  'float32',
] as const satisfies readonly DType[];

export type StoredScaleType = (typeof scaleTypes)[number];

/** Scales in bytes: of a type that holds them exactly, or as numbers of their few different values. */
export type StoredScales =
  | { readonly kind: 'typed'; readonly dtype: StoredScaleType; readonly bytes: Uint8Array }
  | { readonly kind: 'indexed'; readonly index: Uint8Array; readonly levels: Float32Array };

/** The fewest bytes that give the same float32 values back, bit for bit. */
export function storeScales(scales: Float32Array): StoredScales {
  const bits = new Uint32Array(scales.buffer, scales.byteOffset, scales.length);
  for (const dtype of scaleTypes) {
    const bytes = new Uint8Array(bytesOf(fromFloat32(scales, [scales.length], dtype)));
    const back = toFloat32(tensorFromBytes(dtype, [scales.length], bytes));
    const same = new Uint32Array(back.buffer, back.byteOffset, back.length).every((b, i) => b === bits[i]);
    if (!same) continue;
    if (bytes.length <= scales.length) return { kind: 'typed', dtype, bytes };
    return indexed(bits, bytes.length) ?? { kind: 'typed', dtype, bytes: bytes.slice() };
  }
  throw new TypeError('float32 holds every float32');
}

/** Undefined when there are more than 256 values, or when that takes no less than `otherwise` bytes. */
function indexed(bits: Uint32Array, otherwise: number): StoredScales | undefined {
  const numbers = new Map<number, number>();
  const index = new Uint8Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    let number = numbers.get(bits[i]!);
    if (number === undefined) {
      number = numbers.size;
      if (number > 255) return undefined;
      numbers.set(bits[i]!, number);
    }
    index[i] = number;
  }
  if (index.length + 4 * numbers.size >= otherwise) return undefined;
  return { kind: 'indexed', index, levels: new Float32Array(Uint32Array.from(numbers.keys()).buffer) };
}
