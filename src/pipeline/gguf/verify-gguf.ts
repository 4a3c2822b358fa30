import {
  type ByteSource,
  openGguf,
  type PartialFile,
  rowCountOf,
  rowLengthOf,
  type Siblings,
  type TensorSource,
} from '../../files/index.ts';
import { blockFormats, decodeBlocks, type QuantizedBlockName, toFloat32 } from '../../numerics/index.ts';
import {
  type DType,
  dtypes,
  fail,
  LowbitError,
  tensorFromBytes,
  throwIfAborted,
} from '../../tensor/index.ts';
import type { GgufPlan } from './plan-gguf.ts';

/**
 * Opens what was written as any reader would, and holds it against the plan: metadata, names, shapes, types and
 * places of all tensors; the first and the last row of each must decode to finite numbers.
 * @throws gguf/verify
 */
export async function verifyGguf(
  plan: GgufPlan,
  files: readonly PartialFile[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const opened: ByteSource[] = [];
  const open = async (file: PartialFile): Promise<ByteSource> => {
    const source = await file.open();
    opened.push(source);
    return source;
  };
  const siblings: Siblings = {
    async open(location) {
      const file = files.find(({ name }) => name === location);
      return file === undefined ? fail('file/missing', { path: location }) : open(file);
    },
  };
  const first = files[0]!;
  try {
    const written = await openGguf(await open(first), siblings);
    const wanted = plan.files.flatMap(({ layout }) => layout.tensors);
    if (written.tensors.length !== wanted.length) {
      refuse(first, `it has ${written.tensors.length} tensors, not ${wanted.length}`);
    }
    for (const [i, tensor] of written.tensors.entries()) {
      throwIfAborted(signal);
      const { name, shape, type, offset } = wanted[i]!;
      const place = tensor.pieces?.(0, 0)[0]?.offset;
      if (
        tensor.name !== name ||
        tensor.type !== type ||
        tensor.shape.join() !== shape.join() ||
        place !== offset
      ) {
        refuse(first, `tensor ${i} is not '${name}', ${type} [${shape.join(', ')}] at byte ${offset}`);
      }
      const rows = rowCountOf(shape);
      for (const row of new Set([0, rows - 1])) {
        if (rows > 0 && !(await rowIsFinite(tensor, row)))
          refuse(first, `row ${row} of '${name}' is not finite`);
      }
    }
  } catch (error) {
    if (!(error instanceof LowbitError) || !/^(gguf|file)\//.test(error.code) || error.code === 'gguf/verify')
      throw error;
    fail('gguf/verify', { file: first.name, what: error.message }, error);
  } finally {
    for (const source of opened) await source.close?.();
  }
}

function refuse({ name }: PartialFile, what: string): never {
  fail('gguf/verify', { file: name, what });
}

async function rowIsFinite(tensor: TensorSource, row: number): Promise<boolean> {
  const { type, shape } = tensor;
  const bytes = await tensor.read(row, row + 1);
  const length = rowLengthOf(shape);
  if (Object.hasOwn(dtypes, type)) {
    if (dtypes[type as DType].kind !== 'float') return true;
    const values = toFloat32(tensorFromBytes(type as Exclude<DType, 'string'>, [length], bytes));
    return values.every(Number.isFinite);
  }
  const { block, bytes: blockBytes } = blockFormats[type as QuantizedBlockName];
  // A row may be long: its ends say enough.
  const blocks = Math.min(length / block, SAMPLED_BLOCKS);
  for (const part of [bytes.subarray(0, blocks * blockBytes), bytes.subarray(-blocks * blockBytes)]) {
    const values = await decodeBlocks(type as QuantizedBlockName, part, blocks * block);
    if (!values.every(Number.isFinite)) return false;
  }
  return true;
}

const SAMPLED_BLOCKS = 64;
