import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { memoryFolder, memorySiblings, memoryTensor, type Siblings, writeSafetensors } from 'lowbit/files';
import { encodeBfloat16, encodeFloat16 } from 'lowbit/numerics';

/** A case of test/golden/decoders/make-decoders.py. */
export interface DecoderCase {
  readonly config: Record<string, unknown>;
  /** Name, shape, base, shift. */
  readonly tensors: readonly (readonly [string, readonly number[], number, number])[];
  readonly ids: readonly number[];
  readonly positions: readonly number[];
  /** float32, [positions, vocabulary], base64. */
  readonly logits: string;
}

const golden = join(import.meta.dirname, '../golden/decoders');

export const readCase = (name: string): DecoderCase =>
  JSON.parse(readFileSync(join(golden, `${name}.json`), 'utf8'));

/** Golden logits by position. */
export function goldenLogits({ logits, positions }: DecoderCase): Map<number, Float32Array> {
  const bytes = Buffer.from(logits, 'base64');
  const all = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  const size = all.length / positions.length;
  return new Map(positions.map((position, i) => [position, all.subarray(i * size, (i + 1) * size)]));
}

/** The values of a tensor, the same as the recipe's: base + m * 2^-shift, m in [-64, 64) by a hash of name and index. */
export function tinyValues(name: string, count: number, base: number, shift: number): Float32Array {
  let seed = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) seed = Math.imul(seed ^ byte, 0x01000193);
  const out = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    let x = Math.imul(i, 0x9e3779b9) ^ seed;
    x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
    x ^= x >>> 16;
    out[i] = base + ((x >>> 25) - 64) * 2 ** -shift;
  }
  return out;
}

export type StoredFloat = 'float32' | 'float16' | 'bfloat16';

const encoders: Readonly<Record<StoredFloat, (values: Float32Array) => ArrayBufferView>> = {
  float32: (values) => values,
  float16: (values) => encodeFloat16(values),
  bfloat16: (values) => encodeBfloat16(values),
};

/** A tensor of a checkpoint, in a type that holds its values exactly. */
export function tinyTensor(
  [name, shape, base, shift]: DecoderCase['tensors'][number],
  type: StoredFloat = 'float32',
) {
  const count = shape.reduce((a, b) => a * b, 1);
  const data = encoders[type](tinyValues(name, count, base, shift));
  return memoryTensor(
    name,
    shape,
    type,
    new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice(),
  );
}

/** A Hugging Face folder in memory. */
export async function folderOf(
  config: unknown,
  tensors: Iterable<ReturnType<typeof memoryTensor>>,
  files: Readonly<Record<string, string>> = {},
): Promise<Siblings> {
  const folder = memoryFolder();
  const sink = await folder.open('model.safetensors');
  await writeSafetensors(sink, tensors, new Map([['format', 'pt']]));
  await sink.commit();
  const encoder = new TextEncoder();
  const all = new Map<string, Uint8Array>(folder.files);
  all.set('config.json', encoder.encode(typeof config === 'string' ? config : JSON.stringify(config)));
  for (const [name, text] of Object.entries(files)) all.set(name, encoder.encode(text));
  return memorySiblings(all);
}

/** The checkpoint of a case. */
export const tinyCheckpoint = (
  { config, tensors }: DecoderCase,
  type: StoredFloat = 'float32',
): Promise<Siblings> =>
  folderOf(
    config,
    tensors.map((tensor) => tinyTensor(tensor, type)),
  );
