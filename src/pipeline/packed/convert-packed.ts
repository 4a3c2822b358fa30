import { type ByteSink, onnxTensorRanges, openPacked } from '../../files/index.ts';
import type { RunRecord } from '../../report/index.ts';
import { fail, throwIfAborted } from '../../tensor/index.ts';
import { type ReadOptions, refuseOtherOptions } from '../checkpoint/refuse-other-options.ts';
import type { ConvertOptions } from '../convert.ts';
import { refuseFolder } from './folder-files.ts';
import { packModel } from './pack-model.ts';
import { copyTo, openInput, plannedConversion, storedPlace, storedRecord } from './stored-output.ts';

/** Files go in and come out byte by byte: there is nothing to choose. */
const reads: ReadOptions = { known: [], evaluate: 'is only converted; quantize measures' };

const baseName = (path: string): string => /[^/\\]*$/.exec(path.replace(/[?#].*$/, ''))![0];

/** An ONNX file with its external data as one .lowbit file: `convert({ to: 'lowbit' })`. */
export async function convertToLowbit(options: ConvertOptions): Promise<RunRecord> {
  const started = performance.now();
  refuseOtherOptions(options, 'lowbit', reads);
  const { signal, onEvent: emit = () => {} } = options;
  throwIfAborted(signal);
  emit({ type: 'step', step: 'open' });
  await refuseFolder(options.model, 'lowbit');
  const { source, siblings, path } = await openInput(options.model);
  const name = baseName(source.name) || 'model.onnx';
  const fallback = `${name.replace(/\.onnx$/i, '')}.lowbit`;
  try {
    if (options.dryRun) {
      const ranges = await onnxTensorRanges(source);
      const bytes = ranges.reduce((sum, { length }) => sum + length, 0);
      const note = `${ranges.length} tensors of ${bytes} bytes would be packed; how small they get is known once they are coded.`;
      const from = { path: source.name, sizeBytes: source.size };
      return await storedRecord('convert', from, plannedConversion('lowbit', note), started);
    }
    const place = await storedPlace(options.output, (file) => [file ?? fallback], {
      folder: false,
      force: options.force,
      sources: path === undefined ? [] : [path],
    });
    try {
      emit({ type: 'step', step: 'write' });
      let done = 0;
      const packed = await packModel(place.staging, { source, siblings, name }, place.file ?? fallback, {
        ...(signal && { signal }),
        onBytes: (bytes) => {
          done += bytes;
          emit({ type: 'progress', label: 'pack', done, total: Math.max(done, source.size), unit: 'bytes' });
        },
      });
      const [published] = await place.staging.publish([packed.file.path]);
      const file = { ...packed.file, path: published! };
      const stored = { ...packed.stored, files: [file] };
      return await storedRecord(
        'convert',
        packed.source,
        { preset: 'lowbit', file, stored, notes: [] },
        started,
      );
    } finally {
      await place.close();
    }
  } finally {
    await source.close?.();
  }
}

/** The ONNX file, and its external data, that a .lowbit file holds: `convert({ to: 'onnx' })`. */
export async function convertToOnnx(options: ConvertOptions): Promise<RunRecord> {
  const started = performance.now();
  refuseOtherOptions(options, 'onnx', reads);
  const { signal, onEvent: emit = () => {} } = options;
  throwIfAborted(signal);
  emit({ type: 'step', step: 'open' });
  const { source, path } = await openInput(options.model);
  try {
    const packed = await openPacked(source);
    if (packed === undefined) return fail('packed/no-model', { file: source.name });
    const [model, ...externals] = packed.files;
    const others = externals.map(({ name }) => name);
    const total = packed.files.reduce((sum, { size }) => sum + size, 0);
    const from = { path: source.name, sizeBytes: source.size };
    if (options.dryRun) {
      const note = `${[model!.name, ...others].join(', ')} would be unpacked, ${total} bytes.`;
      const files = packed.files.map(({ name, size }) => ({ path: name, sizeBytes: size }));
      return await storedRecord('convert', from, plannedConversion('onnx', note, total, files), started);
    }
    const place = await storedPlace(options.output, (file) => [file ?? model!.name, ...others], {
      folder: false,
      force: options.force,
      sources: path === undefined ? [] : [path],
    });
    try {
      emit({ type: 'step', step: 'write' });
      const names = [place.file ?? model!.name, ...others];
      const sinks: ByteSink[] = [];
      let done = 0;
      for (const [i, file] of packed.files.entries()) {
        const sink = await place.staging.folder.open(names[i]!);
        sinks.push(sink);
        await copyTo(file, async (bytes) => {
          throwIfAborted(signal);
          await sink.write(bytes);
          done += bytes.length;
          emit({ type: 'progress', label: 'unpack', done, total, unit: 'bytes' });
        });
        await sink.commit();
      }
      // The model last: it names the others.
      const published = await place.staging.publish(names.toReversed());
      const file = { path: published.at(-1)!, sizeBytes: total };
      const stored = { bitsPerWeight: 0, bitsPerCode: 0, entropyBits: 0, tensors: [], files: [file] };
      return await storedRecord('convert', from, { preset: 'onnx', file, stored, notes: [] }, started);
    } finally {
      await place.close();
    }
  } finally {
    await source.close?.();
  }
}
