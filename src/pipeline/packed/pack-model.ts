import {
  type ByteSource,
  type FileToPack,
  onnxTensorRanges,
  openPacked,
  PACKED_KEY,
  type PackedTensor,
  packFiles,
  type Siblings,
  type Staging,
  writeSafetensors,
} from '../../files/index.ts';
import {
  type FileRecord,
  type StoredRecord,
  type StoredTensorRecord,
  storedTotals,
} from '../../report/index.ts';
import { fail, throwIfAborted } from '../../tensor/index.ts';
import { openStaged } from './stored-output.ts';

/** A packed model in a staging place. */
export interface PackedOutput {
  readonly stored: Omit<StoredRecord, 'files'>;
  readonly file: FileRecord;
  /** The files that went in. */
  readonly source: FileRecord;
  readonly locations: readonly string[];
}

/** What is temporary in a staging place: tensors before the header, which says how long they are, can be written. */
const SPOOL = 'tensors.spool';

/**
 * Packs an ONNX model and its external data into one .lowbit file of a staging place, opens it again and holds it
 * byte by byte against what went in.
 * `name`: of the model inside; `file`: of the container.
 * @throws onnx/*, file/*, safetensors/*, packed/malformed, run/aborted
 */
export async function packModel(
  staging: Staging,
  model: { readonly source: ByteSource; readonly siblings: Siblings; readonly name: string },
  file: string,
  options: { readonly signal?: AbortSignal; readonly onBytes?: (bytes: number) => void } = {},
): Promise<PackedOutput> {
  const { source, siblings, name } = model;
  const ranges = await onnxTensorRanges(source);
  const locations = [...new Set(ranges.flatMap(({ location }) => location ?? []))];
  const externals: ByteSource[] = [];
  try {
    for (const location of locations) externals.push(await siblings.open(location));
    const files: FileToPack[] = [
      { name, source, ranges: ranges.filter(({ location }) => location === undefined) },
      ...locations.map((location, i) => ({
        name: location,
        source: externals[i]!,
        ranges: ranges.filter((range) => range.location === location),
      })),
    ];
    const spool = await staging.folder.open(SPOOL);
    const packed = await packFiles(files, spool, options);
    await spool.commit();
    const spooled = await openStaged(staging, SPOOL);
    const sink = await staging.folder.open(file);
    const metadata = new Map([
      ['format', 'lowbit'],
      [PACKED_KEY, JSON.stringify(packed.description)],
    ]);
    await writeSafetensors(sink, packed.tensors(spooled), metadata, options);
    await sink.commit();
    await spooled.close?.();
    await verify(staging, file, files, options.signal);
    const tensors = packed.report.map(storedTensor);
    return {
      stored: { ...storedTotals(tensors), tensors },
      file: { path: file, sizeBytes: sink.size },
      source: { path: source.name, sizeBytes: files.reduce((sum, one) => sum + one.source.size, 0) },
      locations,
    };
  } finally {
    for (const external of externals) await external.close?.();
  }
}

/** A packed tensor as records tell it. */
export const storedTensor = ({
  name,
  dims,
  dtype,
  values,
  sizeBytes,
  bitsPerWeight,
  entropyBits,
}: Omit<PackedTensor, 'fromBytes'>): StoredTensorRecord => ({
  name,
  shape: dims,
  as: dtype,
  values,
  codes: values,
  sizeBytes,
  bitsPerWeight,
  bitsPerCode: bitsPerWeight,
  entropyBits,
});

async function verify(
  staging: Staging,
  file: string,
  files: readonly FileToPack[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const source = await openStaged(staging, file);
  try {
    const packed = await openPacked(source);
    if (packed === undefined) return fail('packed/no-model', { file });
    const piece = 2 ** 22;
    for (const [i, wanted] of files.entries()) {
      const got: ByteSource = packed.files[i]!;
      for (let at = 0; at < wanted.source.size; at += piece) {
        throwIfAborted(signal);
        const length = Math.min(piece, wanted.source.size - at);
        const [a, b] = [await got.read(at, length), await wanted.source.read(at, length)];
        const other = a.findIndex((byte, k) => byte !== b[k]);
        if (other >= 0)
          fail('packed/malformed', { file, what: `byte ${at + other} of '${wanted.name}' differs` });
      }
    }
  } finally {
    await source.close?.();
  }
}
