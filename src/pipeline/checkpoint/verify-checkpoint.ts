import { readableTensors, readJson } from '../../architectures/index.ts';
import {
  openSafetensorsFolder,
  rowCountOf,
  rowLengthOf,
  type Siblings,
  type Staging,
  type TensorSource,
} from '../../files/index.ts';
import { toFloat32 } from '../../numerics/index.ts';
import { fail, tensorFromBytes, throwIfAborted } from '../../tensor/index.ts';
import { openStaged } from '../packed/stored-output.ts';

/** A weight as it was meant. */
export interface ExpectedWeight {
  readonly name: string;
  /** Of its codes against the float weight. */
  readonly sqnrDb: number;
  readonly checksums: readonly (readonly [part: string, checksum: number])[];
}

interface WrittenCheckpoint {
  readonly staging: Staging;
  /** The float tensors that it was made from. */
  readonly tensors: ReadonlyMap<string, TensorSource>;
  readonly expected: readonly ExpectedWeight[];
  readonly signal: AbortSignal | undefined;
}

/** Readers of the layouts multiply in another order than we do: that is far below this. */
const TOLERANCE_DB = 1e-3;
/** Beyond it is what float32 rounds: a weight that was decoded and coded again comes back the same, or nearly. */
const ROUNDING_DB = 120;
/** Read at a time. */
const TILE_VALUES = 2 ** 20;

/**
 * Opens the staged folder as a loader would, by its config.json: every part has the bytes that were meant, every
 * decoded weight is as far from the float weight as its codes were, and every other tensor has its type and shape.
 * @returns the bytes of the weights
 * @throws checkpoint/verify
 */
export async function verifyCheckpoint(written: WrittenCheckpoint): Promise<number> {
  const { staging, tensors, expected, signal } = written;
  const siblings: Siblings = { open: (location) => openWritten(staging, location) };
  const config = (await readJson(siblings, 'config.json'))!;
  const weights = await openSafetensorsFolder(siblings);
  const refuse = (tensor: string, what: string): never =>
    fail('checkpoint/verify', { file: 'model.safetensors', tensor, what });
  try {
    for (const { name, checksums } of expected) {
      for (const [part, wanted] of checksums) {
        throwIfAborted(signal);
        const tensor = weights.tensors.get(part) ?? refuse(name, `lacks '${part}'`);
        const got = checksum(await tensor.read(0, rowCountOf(tensor.shape)));
        if (got !== wanted) refuse(name, `has other bytes in '${part}'`);
      }
    }
    const decoded = await readableTensors(weights, config, 'model.safetensors');
    for (const { name, shape } of tensors.values()) {
      const got = decoded.get(name) ?? refuse(name, 'is not there');
      if (got.shape.join() !== shape.join()) refuse(name, `has the shape [${got.shape.join(', ')}]`);
    }
    for (const { name, sqnrDb } of expected) {
      throwIfAborted(signal);
      const got = await sqnrOf(tensors.get(name)!, decoded.get(name)!);
      if (!(Math.abs(Math.min(got, ROUNDING_DB) - Math.min(sqnrDb, ROUNDING_DB)) <= TOLERANCE_DB))
        refuse(name, `is ${got.toFixed(3)} dB from the float weight, not ${sqnrDb.toFixed(3)} dB`);
    }
    return weights.sizeBytes;
  } finally {
    await weights.close();
  }
}

/** A staged file; what was not written is missing. */
async function openWritten(staging: Staging, location: string) {
  try {
    return await openStaged(staging, location);
  } catch (error) {
    return fail('file/missing', { path: location }, error);
  }
}

/** FNV-1a over bytes: against damage, not against malice. */
export function checksum(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash >>> 0;
}

/** Signal to noise of the second tensor against the first, in dB, a tile of rows at a time. */
async function sqnrOf(was: TensorSource, is: TensorSource): Promise<number> {
  const rows = rowCountOf(was.shape);
  const length = rowLengthOf(was.shape);
  const step = Math.max(1, Math.floor(TILE_VALUES / Math.max(1, length)));
  const read = async (tensor: TensorSource, from: number, to: number) => {
    const bytes = (await tensor.read(from, to)).slice();
    return toFloat32(tensorFromBytes(tensor.type as 'float32', [to - from, length], bytes));
  };
  let [signal, noise] = [0, 0];
  for (let row = 0; row < rows; row += step) {
    const to = Math.min(rows, row + step);
    const [before, after] = [await read(was, row, to), await read(is, row, to)];
    for (let i = 0; i < before.length; i++) {
      signal += before[i]! ** 2;
      noise += (before[i]! - after[i]!) ** 2;
    }
  }
  return noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(signal / noise);
}
