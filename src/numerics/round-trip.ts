import { lookUp } from '../tensor/index.ts';
import type { CompositeTensor } from './composite/composite.ts';
import { compositeBits } from './composite/composite-bits.ts';
import { dequantizeComposite } from './composite/dequantize-composite.ts';
import { quantizeComposite } from './composite/quantize-composite.ts';
import { entropyEncode } from './entropy/entropy-encode.ts';
import { decodeBlocks, encodeBlocks } from './ggml/block-codec.ts';
import { bitsPerWeight, blockFormats, type QuantizedBlockName } from './ggml/block-formats.ts';
import { parseScheme, schemeAt, schemeText } from './scheme-text.ts';

/** What a tensor is after a scheme, and what it takes. */
export interface RoundTrip {
  /** In full: 'nf4' comes back as 'nf4/64'. */
  readonly scheme: string;
  /** The reals that the stored codes mean, row-major over the dims. */
  readonly values: Float32Array;
  /** Everything stored, in bits. */
  readonly bits: number;
  /** The codes behind it; absent for ggml's types. */
  readonly composite?: CompositeTensor;
}

/** A tensor to be stored: its values, and where its outputs and inputs lie. */
export interface RoundTripInput {
  readonly values: Float32Array;
  readonly dims: readonly number[];
  readonly axes: { readonly channel: number; readonly group: number };
  /** Weight of each value's squared error. */
  readonly importance?: Float32Array;
  readonly name?: string;
}

/**
 * Stores a tensor in a scheme and reads it back: `nf4/64+double`, `kmeans4/channel+rans`, or a type of ggml as
 * `gguf:q4_k`, whose rows are those of the last axis.
 * @throws scheme/text, name/unknown, ggml/row-length, numerics/*
 */
export async function roundTrip(text: string, input: RoundTripInput): Promise<RoundTrip> {
  const { values, dims, axes, importance, name } = input;
  const type = /^gguf:(.+)$/i.exec(text.trim())?.[1]?.toLowerCase();
  if (type !== undefined) {
    const row = lookUp('type of ggml', blockFormats, type);
    const bytes = await encodeBlocks(type as QuantizedBlockName, values, dims.at(-1) ?? 1);
    const back = await decodeBlocks(type as QuantizedBlockName, bytes, values.length);
    return { scheme: `gguf:${type}`, values: back, bits: bitsPerWeight(row) * values.length };
  }
  const request = parseScheme(text);
  const composite = await quantizeComposite(values, dims, schemeAt(request, axes), {
    ...(name !== undefined && { name }),
    ...(request.range && { range: request.range }),
    ...(importance && { importance }),
  });
  const stored = compositeBits(composite);
  let bits = stored.total;
  if (request.entropy) bits += 8 * (await entropyEncode(composite.base.codes)).bytes.length - stored.codes;
  return { scheme: schemeText(request), values: dequantizeComposite(composite), bits, composite };
}
