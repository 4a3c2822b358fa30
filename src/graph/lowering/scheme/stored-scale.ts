import {
  type BlockScale,
  encodeBfloat16,
  encodeE4m3fn,
  encodeE5m2,
  encodeFloat16,
  formats,
  type NumberFormat,
  type ScaleType,
  type Scheme,
} from '../../../numerics/index.ts';
import type { NodeWriter } from './node-writer.ts';

/** How scales lie in the file. They are numbers of this type already, so nothing is lost. */
export interface StoredScale {
  readonly dtype: 'float32' | 'float16' | 'bfloat16' | 'uint8';
  encode(scales: Float32Array): Uint8Array;
  /** Adds what makes them float32. */
  decode(writer: NodeWriter, stored: string): string;
  /** The scale of all of them, where they have one: they are products with it. */
  above?(scales: Float32Array): number;
}

const bytes = ({ buffer, byteOffset, byteLength }: Float32Array | Uint16Array | Uint8Array): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

const cast = (writer: NodeWriter, stored: string): string => writer.cast(stored, 'float32');

/** Types of one byte are looked up: runtimes that do not have the type can read them too. */
const lookedUp =
  (name: string, table: () => Float32Array) =>
  (writer: NodeWriter, stored: string): string =>
    writer.add('Gather', [
      writer.shared(`scales_${name}`, 'float32', [256], () => table().map((x) => (Number.isNaN(x) ? 0 : x))),
      writer.cast(stored, 'int32'),
    ]);

const tableOf = (name: 'e4m3fn' | 'e5m2') => () => (formats[name] as NumberFormat).table!();

/** The exponents of powers of two: 2^-127 to 2^127. */
const powers = (): Float32Array =>
  Float32Array.from({ length: 256 }, (_, i) => (i < 255 ? 2 ** (i - 127) : 0));

const exponents = (scales: Float32Array): Uint8Array => {
  const words = new Uint32Array(scales.buffer, scales.byteOffset, scales.length);
  return Uint8Array.from(words, (word) => (word >>> 23) & 255);
};

const storedScales: Readonly<Record<ScaleType, StoredScale>> = {
  float32: { dtype: 'float32', encode: bytes, decode: (_, stored) => stored },
  float16: { dtype: 'float16', encode: (scales) => bytes(encodeFloat16(scales)), decode: cast },
  bfloat16: { dtype: 'bfloat16', encode: (scales) => bytes(encodeBfloat16(scales)), decode: cast },
  float8e8m0: { dtype: 'uint8', encode: exponents, decode: lookedUp('e8m0', powers) },
  float8e4m3fn: {
    dtype: 'uint8',
    encode: (scales) => encodeE4m3fn(scales),
    decode: lookedUp('e4m3fn', tableOf('e4m3fn')),
  },
  float8e5m2: {
    dtype: 'uint8',
    encode: (scales) => encodeE5m2(scales),
    decode: lookedUp('e5m2', tableOf('e5m2')),
  },
};

/**
 * The type that a scheme's scales are stored in: that of the format's blocks, one byte for powers of two, or what the
 * scheme asks for.
 */
export function storedScaleOf({ format: name, scaleType, powerOfTwo }: Scheme): StoredScale {
  const { blockScale, tensorScale }: NumberFormat = formats[name];
  if (blockScale === undefined) return storedScales[powerOfTwo ? 'float8e8m0' : (scaleType ?? 'float32')];
  const { encode, decode } = blockScale;
  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  const row = { dtype: 'uint8', decode: lookedUp(name, () => decode(all)) } as const;
  if (tensorScale === undefined) return { ...row, encode: (scales) => encode(scales) };
  const above = (scales: Float32Array) => scaleAbove(scales, blockScale);
  return { ...row, above, encode: (scales) => encode(scales, above(scales)) };
}

/**
 * The scale above all blocks, which a quantized tensor does not say: the largest scale is one of the block scales times
 * it, rounded, so one of these quotients or a neighbour of it gives every scale back.
 */
function scaleAbove(scales: Float32Array, { encode, decode }: BlockScale): number {
  const largest = scales.reduce((a, b) => Math.max(a, b), 0);
  const steps = decode(Uint8Array.from({ length: 127 }, (_, i) => 126 - i));
  for (const step of steps) {
    if (!(step > 0)) continue;
    const word = Float32Array.of(largest / step);
    const bits = new Int32Array(word.buffer);
    const middle = bits[0]!;
    for (const move of [0, 1, -1, 2, -2]) {
      bits[0] = middle + move;
      const candidate = word[0]!;
      const back = decode(encode(scales, candidate), candidate);
      if (back.every((scale, i) => scale === scales[i])) return candidate;
    }
  }
  throw new Error('scales of blocks are no products with one scale');
}
