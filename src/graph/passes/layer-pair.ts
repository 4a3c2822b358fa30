import type { Graph } from '../graph.ts';
import type { Node } from '../node.ts';
import { loadWeight } from '../weight.ts';
import { type LinearLayer, linearLayer } from './linear-layer.ts';

/**
 * Two linear layers with nothing between them but operators that act on each channel by itself and
 * commute with a positive factor: f(x / s) = f(x) / s. No branch leaves on the way.
 */
export interface LayerPair {
  readonly first: LinearLayer;
  readonly second: LinearLayer;
  /** The nodes between, in order. */
  readonly between: readonly Node[];
  /** The one Clip among them: it commutes only when its bounds are divided too. */
  readonly clip: { readonly node: Node; readonly upper: number } | undefined;
}

type Crossing = (graph: Graph, node: Node) => Promise<boolean> | boolean;

/** Operators that may stand between the layers of a pair. */
const crossings: Readonly<Record<string, Crossing>> = {
  Relu: () => true,
  LeakyRelu: (_, node) => node.float('alpha', 0.01) >= 0,
  PRelu: (graph, node) => graph.constant(node.inputs[1] ?? '') !== undefined,
  Clip: async (graph, node) => (await clipBounds(graph, node))?.lower === 0,
  Identity: () => true,
  MaxPool: (_, node) => node.outputs.filter((o) => o !== '').length === 1,
  AveragePool: () => true,
  GlobalAveragePool: () => true,
  GlobalMaxPool: () => true,
};

/** Every pair of a graph, in topological order of the first layer. */
export async function layerPairs(graph: Graph): Promise<LayerPair[]> {
  const pairs: LayerPair[] = [];
  for (const node of graph.topologicalOrder()) {
    const first = linearLayer(graph, node);
    if (first === undefined) continue;
    const pair = await pairFrom(graph, first);
    if (pair !== undefined) pairs.push(pair);
  }
  return pairs;
}

async function pairFrom(graph: Graph, first: LinearLayer): Promise<LayerPair | undefined> {
  const between: Node[] = [];
  let clip: LayerPair['clip'];
  for (let value = first.output; ; ) {
    const [next, ...more] = graph.consumers(value);
    if (next === undefined || more.length > 0 || graph.isOutput(value) || next.inputs[0] !== value) return;
    const second = linearLayer(graph, next);
    if (second !== undefined) {
      const fits = second.inChannels === first.outChannels && second.channelAxis === first.channelAxis;
      return fits ? { first, second, between, clip } : undefined;
    }
    const crossing = Object.hasOwn(crossings, next.kind) ? crossings[next.kind] : undefined;
    if (crossing === undefined || !(await crossing(graph, next))) return;
    if (next.kind === 'Clip') {
      if (clip !== undefined) return;
      clip = { node: next, upper: (await clipBounds(graph, next))!.upper };
    }
    between.push(next);
    value = next.outputs[0]!;
  }
}

/** The constant bounds of a Clip, as attributes (opset 6) or inputs (11); undefined when they are computed. */
export async function clipBounds(
  graph: Graph,
  node: Node,
): Promise<{ readonly lower: number; readonly upper: number } | undefined> {
  const bound = async (input: number, attribute: string, open: number) => {
    const name = node.inputs[input] ?? '';
    if (name === '') return node.float(attribute, open);
    const weight = graph.constant(name) ?? constantNode(graph, name);
    return weight?.dtype === 'float32' ? Number((await loadWeight(weight)).data[0]) : undefined;
  };
  const lower = await bound(1, 'min', Number.NEGATIVE_INFINITY);
  const upper = await bound(2, 'max', Number.POSITIVE_INFINITY);
  return lower === undefined || upper === undefined ? undefined : { lower, upper };
}

function constantNode(graph: Graph, name: string) {
  const value =
    graph.producer(name)?.kind === 'Constant' ? graph.producer(name)!.attributes.get('value') : undefined;
  return value?.type === 'tensor' && value.value.dtype !== 'string' ? value.value : undefined;
}
