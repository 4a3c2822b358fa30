import { fail, LowbitError } from '../../tensor/index.ts';
import type { ByteSource, Siblings } from '../bytes.ts';
import { closingOnError } from '../closing-on-error.ts';
import { duplicateKey } from '../duplicate-key.ts';
import { safeLocation } from '../safe-location.ts';
import type { TensorSource } from '../tensor-source.ts';
import { openSafetensors, type SafetensorsFile } from './open-safetensors.ts';
import { MAX_HEADER_BYTES } from './read-header.ts';

export interface SafetensorsFolderOptions {
  /** `<stem>.safetensors` or `<stem>.safetensors.index.json`. Default 'model'. */
  readonly stem?: string;
}

/** What PyTorch checkpoints are called. They are programs (pickles): opening one runs it, so nothing here does. */
const pickles = [
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
  'pytorch_model-00001-of-00002.bin',
  'consolidated.00.pth',
  'model.pt',
  'model.pth',
  'model.bin',
];

/**
 * Opens the weights of a Hugging Face folder: `model.safetensors`, else `model.safetensors.index.json` with the files
 * that it names, each opened once.
 * @throws safetensors/missing, safetensors/pickle (a folder of PyTorch checkpoints), safetensors/index,
 *   file/unsafe-location, file/missing, and what `openSafetensors` throws
 */
export async function openSafetensorsFolder(
  siblings: Siblings,
  { stem = 'model' }: SafetensorsFolderOptions = {},
): Promise<SafetensorsFile> {
  const whole = `${stem}.safetensors`;
  const single = await openIfThere(siblings, whole);
  if (single !== undefined) return closingOnError([single], () => openSafetensors(single));
  const index = await openIfThere(siblings, `${whole}.index.json`);
  if (index !== undefined) {
    const shards = await closingOnError([index], () => readIndex(index));
    await index.close?.();
    return openShards(siblings, index.name, shards);
  }
  for (const name of pickles) {
    const pickle = await openIfThere(siblings, name);
    if (pickle === undefined) continue;
    await pickle.close?.();
    fail('safetensors/pickle', { file: pickle.name });
  }
  fail('safetensors/missing', { names: [whole, `${whole}.index.json`] });
}

async function openIfThere(siblings: Siblings, name: string): Promise<ByteSource | undefined> {
  try {
    return await siblings.open(name);
  } catch (error) {
    if (error instanceof LowbitError && error.code === 'file/missing') return undefined;
    throw error;
  }
}

/** File -> the tensors that the index says it holds. */
async function readIndex(source: ByteSource): Promise<Map<string, string[]>> {
  const { name: file, size } = source;
  if (size > MAX_HEADER_BYTES) {
    fail('safetensors/too-large', { file, what: 'the index', got: size, limit: MAX_HEADER_BYTES });
  }
  const map = parseIndex(file, await source.read(0, size));
  const shards = new Map<string, string[]>();
  for (const [tensor, location] of Object.entries(map)) {
    if (typeof location !== 'string') {
      fail('safetensors/index', { file, what: `it maps '${tensor}' to no file name` });
    }
    const path = safeLocation(location, file).join('/');
    if (/\.(bin|pt|pth|ckpt|pkl)$/i.test(path)) fail('safetensors/pickle', { file: path });
    if (!path.endsWith('.safetensors')) {
      fail('safetensors/index', { file, what: `it maps '${tensor}' to '${location}', no .safetensors file` });
    }
    const tensors = shards.get(path);
    if (tensors === undefined) shards.set(path, [tensor]);
    else tensors.push(tensor);
  }
  return shards;
}

function parseIndex(file: string, bytes: Uint8Array): Record<string, unknown> {
  let text: string;
  let index: { weight_map?: unknown } | null;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    index = JSON.parse(text);
  } catch (cause) {
    fail('safetensors/index', { file, what: 'it is not JSON' }, cause);
  }
  const twice = duplicateKey(text);
  if (twice !== undefined) fail('safetensors/index', { file, what: `it has '${twice}' twice` });
  const map = index?.weight_map;
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    fail('safetensors/index', { file, what: 'it has no weight_map from tensors to files' });
  }
  if (Object.keys(map).length === 0) fail('safetensors/index', { file, what: 'its weight_map is empty' });
  return map as Record<string, unknown>;
}

async function openShards(
  siblings: Siblings,
  index: string,
  shards: ReadonlyMap<string, readonly string[]>,
): Promise<SafetensorsFile> {
  const sources: ByteSource[] = [];
  return closingOnError(sources, async () => {
    const tensors = new Map<string, TensorSource>();
    const metadata = new Map<string, string>();
    const home = new Map<string, string>();
    for (const [path, names] of shards) {
      const source = await siblings.open(path);
      sources.push(source);
      const shard = await openSafetensors(source);
      for (const name of names) {
        if (!shard.tensors.has(name)) {
          fail('safetensors/index', {
            file: index,
            what: `it says that ${path} holds '${name}', which it does not`,
          });
        }
      }
      for (const [name, tensor] of shard.tensors) {
        const other = home.get(name);
        if (other !== undefined) {
          fail('safetensors/index', { file: index, what: `both ${other} and ${path} hold '${name}'` });
        }
        home.set(name, path);
        tensors.set(name, tensor);
      }
      for (const [key, value] of shard.metadata) if (!metadata.has(key)) metadata.set(key, value);
    }
    return {
      tensors,
      metadata,
      sizeBytes: sources.reduce((sum, { size }) => sum + size, 0),
      shards: sources.length,
      async close() {
        for (const source of sources) await source.close?.();
      },
    };
  });
}
