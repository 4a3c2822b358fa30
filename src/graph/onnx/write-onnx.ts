import { type ByteSink, commitTogether, type SinkFolder } from '../../files/index.ts';
import { fail } from '../../tensor/index.ts';
import type { Model } from '../model.ts';
import type { Weight } from '../weight.ts';
import { type ExternalFile, type ExternalLayout, layOutExternal, noExternal } from './external-layout.ts';
import { encodeModel } from './model-encoder.ts';
import type { Parts } from './parts.ts';
import { writeParts } from './write-parts.ts';

/** ONNX Runtime refuses a protobuf of 2 GiB or more; a little is left for what it adds. */
export const EMBEDDED_LIMIT_BYTES = 2 ** 31 - 2 ** 20;

/** Where a model goes and how it is split. */
export interface WriteOnnxOptions {
  readonly folder: SinkFolder;
  /** File name of the model, e.g. 'model.onnx'. */
  readonly name: string;
  /** Weights in a file of their own. Default: only when the model would pass 2 GiB. */
  readonly externalData?: boolean;
  /** Name of that file. Default: the model's name and '_data', as transformers.js wants it. */
  readonly externalDataName?: string;
  readonly onProgress?: (progress: { readonly doneBytes: number; readonly totalBytes: number }) => void;
  readonly signal?: AbortSignal;
}

/** What was written: the files that make up the model. */
export interface WrittenFiles {
  /** The model file first, then its external data. */
  readonly files: readonly { readonly name: string; readonly sizeBytes: number }[];
}

/**
 * Writes a model as a stream: one chunk of one weight is in memory at a time. The files appear under their
 * names when all of them are complete, external data before the model; a failure leaves none.
 * @throws onnx/too-large, graph/cycle, file/*, run/aborted
 */
export async function writeOnnx(model: Model, options: WriteOnnxOptions): Promise<WrittenFiles> {
  const { folder, name, signal } = options;
  const { parts, external } = prepare(model, options);
  const totalBytes = external.files.reduce((sum, f) => sum + f.sizeBytes, parts.length);
  let doneBytes = 0;
  const onBytes = (bytes: number) => {
    doneBytes += bytes;
    options.onProgress?.({ doneBytes, totalBytes });
  };
  const sinks: ByteSink[] = [];
  const put = async (file: string, pieces: Iterable<Uint8Array | Weight>) => {
    const sink = await folder.open(file);
    sinks.push(sink);
    await writeParts(pieces, (bytes) => sink.write(bytes), { onBytes, signal });
    return { name: file, sizeBytes: sink.size };
  };
  try {
    const data = [];
    for (const file of external.files) data.push(await put(file.name, padded(file)));
    const files = [await put(name, parts.pieces), ...data];
    await commitTogether(folder, sinks);
    return { files };
  } catch (error) {
    for (const sink of sinks) await sink.abort();
    throw error;
  }
}

/** Bytes that `writeOnnx` would write, model and external data together. No weight is read. */
export function onnxSizeBytes(
  model: Model,
  options: Pick<WriteOnnxOptions, 'name' | 'externalData'>,
): number {
  const { parts, external } = prepare(model, options);
  return external.files.reduce((sum, file) => sum + file.sizeBytes, parts.length);
}

function prepare(
  model: Model,
  options: Pick<WriteOnnxOptions, 'name' | 'externalData' | 'externalDataName'>,
): { parts: Parts; external: ExternalLayout } {
  const dataName = options.externalDataName ?? `${options.name}_data`;
  const outside = () => layOutExternal(model, () => dataName);
  let external = options.externalData === true ? outside() : noExternal;
  let parts = encodeModel(model, external.placements);
  if (parts.length > EMBEDDED_LIMIT_BYTES && options.externalData === undefined) {
    external = outside();
    parts = encodeModel(model, external.placements);
  }
  if (parts.length > EMBEDDED_LIMIT_BYTES) {
    fail('onnx/too-large', { name: options.name, sizeBytes: parts.length, limit: EMBEDDED_LIMIT_BYTES });
  }
  return { parts, external };
}

/** The weights of an external file with zeros between them. */
export function* padded(file: ExternalFile): Iterable<Uint8Array | Weight> {
  let at = 0;
  for (const { offset, weight } of file.weights) {
    if (offset > at) yield new Uint8Array(offset - at);
    yield weight;
    at = offset + weight.byteLength;
  }
}
