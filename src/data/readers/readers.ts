import { fail } from '../../tensor/index.ts';
import { bytes } from './bytes.ts';
import { cifar10, cifar100 } from './cifar.ts';
import { type DataFormat, formatNames } from './format-names.ts';
import { idx } from './idx.ts';
import { images } from './images.ts';
import { json } from './json.ts';
import { jsonl } from './jsonl.ts';
import { npy } from './npy.ts';
import { npz } from './npz.ts';
import { pb } from './pb.ts';
import { raw } from './raw.ts';
import type { Reader } from './reader.ts';
import { safetensors } from './safetensors.ts';
import { tsv } from './tsv.ts';
import { wav } from './wav.ts';

/** Every data format. Adding one: a name in format-names.ts, a file, a row here. */
export const readers: Readonly<Record<DataFormat, Reader>> = {
  raw,
  npy,
  npz,
  idx,
  cifar10,
  cifar100,
  images,
  bytes,
  safetensors,
  tsv,
  json,
  jsonl,
  wav,
  pb,
};

/** The format that a file name tells: the longest ending wins, so `_batch.bin` is CIFAR and `.bin` raw. */
export function formatByName(path: string): DataFormat | undefined {
  const name = path.toLowerCase();
  let best: { format: DataFormat; length: number } | undefined;
  for (const format of formatNames) {
    for (const { length } of readers[format].extensions.filter((end) => name.endsWith(end))) {
      if (best === undefined || length > best.length) best = { format, length };
    }
  }
  return best?.format;
}

/**
 * The format of a file: as said, or by its name.
 * @throws data/needs when the name tells nothing.
 */
export function formatOf(path: string, said: DataFormat | undefined): DataFormat {
  const found = said ?? formatByName(path);
  if (found === undefined) fail('data/needs', { file: path, what: `"format" (${formatNames.join(', ')})` });
  return found;
}

export const readerOf = (format: DataFormat): Reader => readers[format];
