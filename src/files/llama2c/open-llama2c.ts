import { elementCount, fail } from '../../tensor/index.ts';
import type { ByteSource } from '../bytes.ts';
import { fileTensor } from '../file-tensor.ts';
import type { TensorSource } from '../tensor-source.ts';

/** Hyper-parameters of a llama2.c checkpoint. Norms use epsilon 1e-5 and rotary embeddings base 10000, always. */
export interface Llama2cConfig {
  readonly dim: number;
  /** Of the feed-forward layers. */
  readonly hiddenDim: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly vocabularySize: number;
  /** Longest sequence. */
  readonly contextLength: number;
  /** The output layer is the embedding: there is no `output.weight`. */
  readonly sharedOutput: boolean;
}

/** A checkpoint of llama2.c, opened for reading. */
export interface Llama2cFile {
  readonly config: Llama2cConfig;
  /**
   * float32, [out, in], with the names of Meta's Llama checkpoints, in the order of the file:
   * `tok_embeddings.weight`, `layers.0.attention_norm.weight`, `layers.0.attention.wq.weight` (wk, wv, wo),
   * `layers.0.ffn_norm.weight`, `layers.0.feed_forward.w1.weight` (w2, w3), `norm.weight`, `output.weight`.
   * Rotary pairs lie next to each other in wq and wk, as in GGUF: nothing is permuted, as it is in Hugging Face's.
   */
  readonly tensors: ReadonlyMap<string, TensorSource>;
  /** Of the format: 0 is the first one, without a number. */
  readonly version: 0 | 1;
  close(): Promise<void>;
}

/** One kind of tensor: its name (`{}` is the layer) and shape. No name: a table that is skipped. */
interface Run {
  readonly name?: string;
  readonly shape: (c: Llama2cConfig) => readonly number[];
}

const kvDim = ({ dim, heads, kvHeads }: Llama2cConfig) => (dim / heads) * kvHeads;
const layerNorm = (name: string): Run => ({ name: `layers.{}.${name}.weight`, shape: ({ dim }) => [dim] });
const attention = (name: string, rows: (c: Llama2cConfig) => number): Run => ({
  name: `layers.{}.attention.${name}.weight`,
  shape: (c) => [rows(c), c.dim],
});
const feedForward = (name: string, shape: Run['shape']): Run => ({
  name: `layers.{}.feed_forward.${name}.weight`,
  shape,
});

const embeddings: Run = { name: 'tok_embeddings.weight', shape: (c) => [c.vocabularySize, c.dim] };
const norm: Run = { name: 'norm.weight', shape: ({ dim }) => [dim] };
const output: Run = { name: 'output.weight', shape: (c) => [c.vocabularySize, c.dim] };
const projections: readonly Run[] = [
  attention('wq', ({ dim }) => dim),
  attention('wk', kvDim),
  attention('wv', kvDim),
  attention('wo', ({ dim }) => dim),
];
const feeds: readonly Run[] = [
  feedForward('w1', (c) => [c.hiddenDim, c.dim]),
  feedForward('w2', (c) => [c.dim, c.hiddenDim]),
  feedForward('w3', (c) => [c.hiddenDim, c.dim]),
];
/** Cosines and sines of the rotary embedding, which everyone computes anew. */
const rotaryTable: Run = { shape: (c) => [c.contextLength, c.dim / c.heads / 2] };

/** What follows the header, in order; a layer's kind lies there for all layers. */
const orders: Readonly<Record<0 | 1, readonly Run[]>> = {
  0: [
    embeddings,
    layerNorm('attention_norm'),
    ...projections,
    layerNorm('ffn_norm'),
    ...feeds,
    norm,
    rotaryTable,
    rotaryTable,
  ],
  1: [layerNorm('attention_norm'), layerNorm('ffn_norm'), norm, embeddings, ...projections, ...feeds],
};

/** 'ak42' before the version number, in all formats but the first. */
const MAGIC = 0x616b3432;
const headerBytes = { 0: 28, 1: 256 } as const;

/**
 * Opens a checkpoint of llama2.c (`.bin`): the first format and version 1, both float32. Version 2 (int8) is refused.
 * https://github.com/karpathy/llama2.c, export.py
 * @throws llama2c/malformed
 */
export async function openLlama2c(source: ByteSource): Promise<Llama2cFile> {
  const { name: file, size } = source;
  const wrong = (what: string): never => fail('llama2c/malformed', { file, what });
  if (size < headerBytes[0]) return wrong(`it has ${size} bytes, and the header alone takes 28`);
  const bytes = await source.read(0, Math.min(size, 40));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint32(0, true) === MAGIC ? view.getInt32(4, true) : 0;
  if (version === 2) return wrong('it is of version 2 (int8); export it as version 0 or 1 (float32)');
  if (version !== 0 && version !== 1) return wrong(`it is of version ${version}, and 0 to 2 are known`);
  if (size < headerBytes[version]) return wrong(`it has ${size} bytes, less than its header`);
  const config = readConfig(view, version, wrong);
  const tensors = new Map<string, TensorSource>();
  let offset: number = headerBytes[version];
  const order = config.sharedOutput ? orders[version] : [...orders[version], output];
  for (const { name, shape } of order) {
    const dims = shape(config);
    const perLayer = name?.includes('{}') === true;
    for (let layer = 0; layer < (perLayer ? config.layers : 1); layer++) {
      const full = name?.replace('{}', String(layer));
      if (full !== undefined) {
        tensors.set(full, fileTensor({ name: full, shape: dims, type: 'float32', source, offset }));
      }
      offset += 4 * elementCount(dims);
      if (offset > size) return wrong(`${full ?? 'a table'} ends at byte ${offset}, but there are ${size}`);
    }
  }
  if (offset !== size) return wrong(`its tensors end at byte ${offset}, but there are ${size}`);
  return { config, tensors, version, close: async () => source.close?.() };
}

function readConfig(view: DataView, version: 0 | 1, wrong: (what: string) => never): Llama2cConfig {
  const from = version === 0 ? 0 : 8;
  const numbers = Array.from({ length: 7 }, (_, i) => view.getInt32(from + 4 * i, true));
  const [dim, hiddenDim, layers, heads, kvHeads, vocabulary, contextLength] = numbers as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  // In the first format a negative size says that the output layer is a tensor of its own.
  const vocabularySize = version === 0 ? Math.abs(vocabulary) : vocabulary;
  const sharedOutput = version === 0 ? vocabulary > 0 : view.getUint8(from + 28) !== 0;
  const config = { dim, hiddenDim, layers, heads, kvHeads, vocabularySize, contextLength, sharedOutput };
  for (const [name, value] of Object.entries(config)) {
    if (typeof value === 'number' && (value < 1 || value > 2 ** 24)) wrong(`its ${name} is ${value}`);
  }
  if (layers > 2 ** 12) wrong(`its layers are ${layers}`);
  if (dim % heads !== 0 || (dim / heads) % 2 !== 0 || heads % kvHeads !== 0) {
    wrong(`${heads} heads and ${kvHeads} key heads do not divide a dim of ${dim}`);
  }
  return config;
}
