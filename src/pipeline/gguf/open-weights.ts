import { type ConvertedCheckpoint, convertCheckpoint, convertLlama2c } from '../../architectures/index.ts';
import {
  type ByteSource,
  type GgufModel,
  openGguf,
  openLlama2c,
  parseShardName,
  type Siblings,
} from '../../files/index.ts';
import { fileTypes } from '../../numerics/index.ts';
import type { FileRecord } from '../../report/index.ts';
import { fail, LowbitError } from '../../tensor/index.ts';
import type { ModelInput } from '../recipe.ts';
import { checkpointName } from './checkpoint-name.ts';
import type { GgufTarget } from './gguf-target.ts';
import { isImatrix } from './model-facts.ts';
import { counted, findWeights, type WeightsPlace } from './weights-place.ts';

/** A model whose headers are read and whose tensors are still in its files. */
export interface OpenedWeights {
  /** What an output is called that nobody named: 'model.Q4_K_M.gguf' of model.f16.gguf. */
  readonly outputName: (target: GgufTarget) => string;
  readonly container: 'gguf' | 'checkpoint';
  readonly model: GgufModel;
  readonly file: FileRecord;
  /** Files that it came in. */
  readonly shards: number;
  /** Paths of the files behind it on this machine; none in a page. */
  readonly sources: readonly string[];
  /** What a user should know about it. */
  readonly notes: readonly string[];
  readonly close: () => Promise<void>;
}

/**
 * Opens a GGUF file (any part of a split one), a Hugging Face folder or a checkpoint of llama2.c as GGUF has it.
 * @throws gguf/*, architecture/*, checkpoint/*, safetensors/*, llama2c/*, vocabulary/*, file/*
 */
export async function openWeights(input: ModelInput): Promise<OpenedWeights> {
  const place = await findWeights(input);
  if (place.kind === 'folder') return openCheckpoint(place);
  if (place.kind === 'llama2.c') return openLlama2cFile(place);
  try {
    refuseOther(place);
  } catch (error) {
    await place.source.close?.();
    throw error;
  }
  return openGgufFile(place);
}

type FilePlace = Exclude<WeightsPlace, { kind: 'folder' }>;

const ONNX = {
  what: 'it is an ONNX graph, and a graph has no way back to the layers that llama.cpp knows',
  advice: 'Give the Hugging Face folder that it was exported from.',
};

/** Files of other kinds, by their names: what they are says more than that they are not GGUF. @throws gguf/no-model */
function refuseOther({ kind, source: { name }, folder }: FilePlace): void {
  if (/\.(onnx|ort|lowbit)$/i.test(name)) fail('gguf/no-model', { file: name, ...ONNX });
  if (kind === 'safetensors') {
    fail('gguf/no-model', {
      file: name,
      what: 'it holds weights alone; config.json and the tokenizer lie beside it',
      advice: `Give the folder${folder === undefined ? '' : `: ${folder === '' ? './' : folder}`}.`,
    });
  }
  if (kind === 'imatrix') fail('gguf/no-model', { file: name, ...IMATRIX });
}

const IMATRIX = {
  what: 'it is an importance matrix, not a model',
  advice: 'Give the model, and this file with --imatrix.',
};

/**
 * Refuses GGUF files whose tensors cannot be of a file type. @throws gguf/no-model
 */
export function refuseWithoutTensors({ file, model: { metadata, tensors } }: OpenedWeights): void {
  if (isImatrix(metadata)) fail('gguf/no-model', { file: file.path, ...IMATRIX });
  if (tensors.length === 0) {
    const what = metadata.has('tokenizer.ggml.tokens')
      ? 'it holds a vocabulary and no weights'
      : 'it holds no tensors';
    fail('gguf/no-model', { file: file.path, what, advice: 'Give the file of the model itself.' });
  }
}

async function openGgufFile({ source, siblings, folder }: FilePlace): Promise<OpenedWeights> {
  const others = siblings && counted(siblings, folder);
  try {
    const file = await openGguf(source, others);
    return {
      outputName: (target) => outputName(source.name, target),
      container: 'gguf',
      model: file,
      file: { path: source.name, sizeBytes: file.sizeBytes },
      shards: file.shards,
      sources: [
        ...(folder === undefined ? [] : [source.name]),
        ...(others?.opened ?? []).flatMap(({ path }) => path ?? []),
      ],
      notes: [],
      close: () => file.close(),
    };
  } catch (error) {
    await source.close?.();
    throw error;
  }
}

async function openCheckpoint({
  name,
  siblings,
  folder,
}: WeightsPlace & { kind: 'folder' }): Promise<OpenedWeights> {
  const files = counted(siblings, folder);
  const config = await files.open('config.json').catch(async (error) => {
    if (error instanceof LowbitError && error.code === 'file/missing')
      fail('checkpoint/missing', { folder: name, files: await modelsIn(siblings) }, error);
    throw error;
  });
  await config.close?.();
  const given = await checkpointName(name, files);
  const model = await convertCheckpoint(files, given === undefined ? {} : { name: given });
  // The weights alone: what is read beside them is counted in kilobytes.
  const weights = files.opened.filter(({ location }) => location.endsWith('.safetensors'));
  return {
    outputName: (target) => outputName(name, target),
    container: 'checkpoint',
    model,
    file: { path: name, sizeBytes: weights.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) },
    shards: weights.length,
    sources: files.opened.flatMap(({ path }) => path ?? []),
    notes: model.notes,
    close: () => model.close(),
  };
}

/** Files that may be a model by themselves: a few of them. */
async function modelsIn(siblings: Siblings): Promise<string[]> {
  const names = (await siblings.list?.()) ?? [];
  return names.filter((name) => /^(?!tok).*\.(bin|gguf)$/i.test(name)).slice(0, 4);
}

/** The vocabulary of a llama2.c model lies beside it, named after its size or plainly. */
async function openLlama2cFile({ source, siblings, folder }: FilePlace): Promise<OpenedWeights> {
  const files = siblings && counted(siblings, folder);
  let model: ConvertedCheckpoint;
  try {
    const { vocabularySize } = (await openLlama2c(source)).config;
    const names = [`tok${vocabularySize}.bin`, 'tokenizer.bin'];
    const tokenizer = files && (await firstOf(files, names));
    model = await convertLlama2c({ model: source, ...(tokenizer && { tokenizer }) });
  } catch (error) {
    await source.close?.();
    throw error;
  }
  return {
    outputName: (target) => outputName(source.name, target),
    container: 'checkpoint',
    model,
    file: { path: source.name, sizeBytes: source.size },
    shards: 1,
    sources: [
      ...(folder === undefined ? [] : [source.name]),
      ...(files?.opened ?? []).flatMap(({ path }) => path ?? []),
    ],
    notes: model.notes,
    close: () => model.close(),
  };
}

async function firstOf(siblings: Siblings, names: readonly string[]): Promise<ByteSource | undefined> {
  for (const name of names) {
    try {
      return await siblings.open(name);
    } catch (error) {
      if (!(error instanceof LowbitError) || error.code !== 'file/missing') throw error;
    }
  }
  return undefined;
}

/** The last part of a path or URL that is a name. */
const baseName = (path: string): string =>
  path
    .replace(/[?#].*$/, '')
    .split(/[/\\]/)
    .findLast((part) => part !== '' && part !== '.' && part !== '..') ?? '';

const typeSuffix = new RegExp(`[.-](${Object.keys(fileTypes).join('|')}|fp16|fp32)$`, 'i');

/** 'model.Q8_0.gguf' of 'models/model-F16-00001-of-00002.gguf'. */
export function outputName(path: string, { fileType }: GgufTarget): string {
  const prefix = parseShardName(path)?.prefix ?? baseName(path).replace(/\.(gguf|bin)$/i, '');
  const stem = prefix.replace(typeSuffix, '') || 'model';
  return fileType === undefined ? `${stem}.gguf` : `${stem}.${fileType}.gguf`;
}
