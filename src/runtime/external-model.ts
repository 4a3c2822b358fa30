import { openFile } from '../files/index.ts';
import {
  type GraphProto,
  type ModelProto,
  type NodeProto,
  readModelProto,
  type TensorProto,
} from '../files/onnx/index.ts';
import type { RuntimeModel } from './runtime.ts';

/**
 * onnxruntime-web opens no file but the model's own, so a model with external data is handed over as bytes
 * with the files it names. One without stays a path.
 * @throws file/unsafe-location, file/missing, and what reading a model file throws.
 */
export async function withExternalData(path: string): Promise<RuntimeModel> {
  const { source, siblings } = await openFile(path);
  try {
    const { proto } = await readModelProto(source);
    const locations = new Set<string>();
    for (const t of tensorsOf(proto)) {
      const location = t.externalData.find(({ key }) => key === 'location')?.value;
      if (location !== undefined) locations.add(location);
    }
    if (locations.size === 0) return { path };
    const externalData: { path: string; data: Uint8Array }[] = [];
    for (const location of locations) {
      const file = await siblings.open(location);
      externalData.push({ path: location, data: await file.read(0, file.size) });
      await file.close?.();
    }
    return { bytes: await source.read(0, source.size), externalData };
  } finally {
    await source.close?.();
  }
}

/** Every tensor of a model: initializers and attributes, in subgraphs and functions too. */
function* tensorsOf(model: ModelProto): Generator<TensorProto> {
  if (model.graph !== undefined) yield* ofGraph(model.graph);
  for (const { node } of model.functions) yield* ofNodes(node);
}

function* ofGraph(graph: GraphProto): Generator<TensorProto> {
  yield* graph.initializer;
  yield* ofNodes(graph.node);
}

function* ofNodes(nodes: readonly NodeProto[]): Generator<TensorProto> {
  for (const { attribute } of nodes) {
    for (const { t, tensors, g, graphs } of attribute) {
      if (t !== undefined) yield t;
      yield* tensors;
      if (g !== undefined) yield* ofGraph(g);
      for (const graph of graphs) yield* ofGraph(graph);
    }
  }
}
