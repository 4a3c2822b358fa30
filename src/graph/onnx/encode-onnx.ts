import { fail } from '../../tensor/index.ts';
import type { Model } from '../model.ts';
import type { Weight } from '../weight.ts';
import { layOutExternal, noExternal } from './external-layout.ts';
import { encodeModel } from './model-encoder.ts';
import { EMBEDDED_LIMIT_BYTES, padded } from './write-onnx.ts';
import { writeParts } from './write-parts.ts';

/** One buffer per chunk of this size: a wasm runtime copies them one at a time. */
const EXTERNAL_CHUNK_BYTES = 2 ** 30;

/** A model in memory, as a runtime loads it. */
export interface EncodedModel {
  readonly bytes: Uint8Array;
  readonly externalData?: readonly { readonly path: string; readonly data: Uint8Array }[];
}

/**
 * Encodes a model into memory for a session; one that passes 2 GiB keeps its weights in chunks beside it.
 * @throws onnx/too-large, graph/cycle
 */
export async function encodeOnnx(model: Model): Promise<EncodedModel> {
  const embedded = encodeModel(model, noExternal.placements);
  if (embedded.length <= EMBEDDED_LIMIT_BYTES)
    return { bytes: await filled(embedded.pieces, embedded.length) };
  const external = layOutExternal(model, (index) => `weights_${index}`, EXTERNAL_CHUNK_BYTES);
  const parts = encodeModel(model, external.placements);
  if (parts.length > EMBEDDED_LIMIT_BYTES) {
    fail('onnx/too-large', { name: 'The model', sizeBytes: parts.length, limit: EMBEDDED_LIMIT_BYTES });
  }
  const externalData = [];
  for (const file of external.files) {
    externalData.push({ path: file.name, data: await filled(padded(file), file.sizeBytes) });
  }
  return { bytes: await filled(parts.pieces, parts.length), externalData };
}

async function filled(pieces: Iterable<Uint8Array | Weight>, length: number): Promise<Uint8Array> {
  const whole = new Uint8Array(length);
  let offset = 0;
  await writeParts(pieces, async (bytes) => {
    whole.set(bytes, offset);
    offset += bytes.byteLength;
  });
  return whole;
}
