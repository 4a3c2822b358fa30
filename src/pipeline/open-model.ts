import {
  type ByteSource,
  closingOnError,
  type OpenedFile,
  openFile,
  openPacked,
  openUrl,
  type Siblings,
} from '../files/index.ts';
import { encodeOnnx, lowerQonnx, type Model, readOnnx, type Weight } from '../graph/index.ts';
import type { FileRecord } from '../report/index.ts';
import type { PortInfo, RuntimeModel } from '../runtime/index.ts';
import { fail } from '../tensor/index.ts';
import type { ModelInput } from './recipe.ts';

/** A model whose headers are read and whose weights are still in the file. */
export interface OpenedModel {
  readonly name: string;
  readonly model: Model;
  readonly file: FileRecord;
  /** Paths of the files behind it on this machine; none in a page. */
  readonly sources: readonly string[];
  /** What a runtime loads to run the model as it was given. */
  readonly loadable: () => Promise<RuntimeModel>;
  /** Files that belong to the model by their name: configuration, tokenizer. */
  readonly companions: Siblings;
  readonly close: () => Promise<void>;
}

/** Opens an ONNX model by path or URL, or from a source with its neighbourhood. */
export async function openModel(input: ModelInput): Promise<OpenedModel> {
  if (typeof input === 'string') {
    const { source, siblings, path } = await openPlace(input);
    const companions = placeCompanions(input);
    return closingOnError(
      [source],
      async () =>
        (await fromPacked(source, path, companions)) ?? fromSource(source, siblings, path, companions),
    );
  }
  if ('folder' in input) fail('file/not-a-file', { path: input.name });
  const none: Siblings = { open: async (path) => fail('file/missing', { path }) };
  const companions = input.siblings ?? none;
  return (
    (await fromPacked(input.source, undefined, companions)) ??
    fromSource(input.source, input.siblings, undefined, companions)
  );
}

/** The model inside a .lowbit file; undefined for other files. */
async function fromPacked(
  source: ByteSource,
  path: string | undefined,
  companions: Siblings,
): Promise<OpenedModel | undefined> {
  // Eight bytes of a length, then JSON: a safetensors file.
  const first = await source.read(0, Math.min(9, source.size));
  if (first[8] !== 0x7b || first[7] !== 0 || first[6] !== 0) return undefined;
  const packed = await openPacked(source);
  if (packed === undefined) return undefined;
  const opened = await fromSource(packed.files[0]!, packed.siblings, undefined, companions);
  return {
    ...opened,
    name: source.name,
    file: { path: source.name, sizeBytes: source.size },
    sources: path === undefined ? [] : [path],
    close: async () => source.close?.(),
  };
}

const openPlace = (place: string): Promise<OpenedFile> =>
  /^https?:/.test(place) ? openUrl(place) : openFile(place);

/**
 * Opens a model to be run. QONNX operators, which no runtime computes, become standard ones first.
 * @throws graph/not-lowered for those that cannot.
 */
export async function openRunnable(input: ModelInput): Promise<OpenedModel> {
  const opened = await openModel(input);
  const { changes } = await closingOnError([opened], () => lowerQonnx(opened.model));
  return changes === 0 ? opened : { ...opened, loadable: () => encodeOnnx(opened.model) };
}

/** A repository keeps its models in a folder `onnx` and what belongs to them one above. */
function placeCompanions(place: string): Siblings {
  const folder = place.replace(/[^/\\]*$/, '');
  const above = /(^|[/\\])onnx[/\\]$/.test(folder) ? folder.slice(0, -'onnx/'.length) : undefined;
  const open = async (path: string) => (await openPlace(path)).source;
  return {
    open: (name) =>
      open(folder + name).catch((error) => {
        if (above === undefined) throw error;
        return open(above + name);
      }),
  };
}

async function fromSource(
  source: ByteSource,
  siblings: Siblings | undefined,
  path: string | undefined,
  companions: Siblings,
): Promise<OpenedModel> {
  const sizes = new Map<string, number>();
  const opened: ByteSource[] = [];
  const counting: Siblings | undefined = siblings && {
    async open(location) {
      const sibling = await siblings.open(location);
      sizes.set(location, sibling.size);
      opened.push(sibling);
      return sibling;
    },
  };
  const model = await closingOnError(opened, () =>
    readOnnx({ source, ...(counting && { siblings: counting }) }),
  );
  const external = [...sizes.values()].reduce((a, b) => a + b, 0);
  return {
    name: source.name,
    model,
    file: { path: source.name, sizeBytes: source.size + external },
    sources:
      path === undefined ? [] : [path, ...[...sizes.keys()].map((l) => path.replace(/[^/\\]*$/, '') + l)],
    loadable: async () => {
      if (path !== undefined) return { path };
      const externalData = [];
      for (const location of sizes.keys()) {
        const sibling = await siblings!.open(location);
        externalData.push({ path: location, data: await sibling.read(0, sibling.size) });
        await sibling.close?.();
      }
      return { bytes: await source.read(0, source.size), externalData };
    },
    companions,
    close: async () => {
      for (const each of [source, ...opened]) await each.close?.();
    },
  };
}

/** What a graph wants to be fed: its inputs that are no constants. */
export function portsOf(model: Model, ports: 'inputs' | 'outputs' = 'inputs'): PortInfo[] {
  const { graph } = model;
  return graph[ports].flatMap((value) => {
    if (ports === 'inputs' && graph.initializers.has(value.name)) return [];
    const type = value.type;
    if (type?.kind !== 'tensor' || type.dtype === undefined) return [];
    return [{ name: value.name, dtype: type.dtype, shape: (type.shape ?? []).map((d) => d ?? '') }];
  });
}

/** Bytes of all constants of a model, subgraphs included. */
export function weightBytes(model: Model): number {
  let bytes = 0;
  const visit = (graph: Model['graph']) => {
    for (const weight of graph.initializers.values()) {
      if (weight.dtype !== 'string') bytes += (weight as Weight).byteLength;
    }
    for (const node of graph.nodes) for (const body of node.subgraphs()) visit(body);
  };
  visit(model.graph);
  return bytes;
}
