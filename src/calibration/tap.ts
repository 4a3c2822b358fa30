import { type Graph, type Model, type Node, weightOf } from '../graph/index.ts';
import { fail, int64 } from '../tensor/index.ts';

/**
 * A copy of the model whose only outputs are what calibration wants to see. ONNX Runtime drops what does
 * not lead there, and undoes the fusions that would hide a tapped value.
 */
export interface Tapped {
  readonly model: Model;
  /** Output names in the order of the values asked for. */
  readonly outputs: readonly string[];
}

/** @throws calibration/unknown-value for a value that the main graph does not have. */
export function checkValues(graph: Graph, values: readonly string[]): void {
  for (const value of values) {
    const known =
      graph.isInput(value) || graph.initializers.has(value) || graph.producer(value) !== undefined;
    if (!known) fail('calibration/unknown-value', { value });
  }
}

/** What messages call the maker of a value. */
export function makerOf(graph: Graph, value: string): string {
  return graph.producer(value)?.label ?? 'the input data';
}

/** Each value itself. */
export function tapValues(model: Model, values: readonly string[]): Tapped {
  const copy = model.clone();
  checkValues(copy.graph, values);
  copy.graph.outputs = values.map((name) => ({ name, type: undefined }));
  return { model: copy, outputs: values };
}

/**
 * One output `name` [values * row] of numbers made by `build` for each value. Reductions take all axes,
 * which every opset writes the same way.
 */
export function tapPacked(
  model: Model,
  values: readonly string[],
  name: string,
  build: (tap: TapBuilder, flat: string) => readonly string[],
): Tapped {
  const copy = model.clone();
  const { graph } = copy;
  checkValues(graph, values);
  const tap = new TapBuilder(graph);
  const packed = values.flatMap((value) => build(tap, tap.flat(value)));
  const output = graph.freshName(name);
  graph.add({ op: 'Concat', inputs: packed, outputs: [output], attributes: { axis: 0 } });
  graph.outputs = [{ name: output, type: undefined }];
  return { model: copy, outputs: [output] };
}

/** Adds small nodes behind values. */
export class TapBuilder {
  readonly graph: Graph;
  readonly #all: string;

  constructor(graph: Graph) {
    this.graph = graph;
    this.#all = graph.addConstant('tap_shape', weightOf(int64([1], [-1])));
  }

  /** The value as [elements]; costs nothing, as it shares the memory. */
  flat(value: string): string {
    return this.#add('Reshape', [value, this.#all]);
  }

  /** All elements reduced to one, as float32 [1]. */
  reduce(op: 'ReduceMin' | 'ReduceMax' | 'ReduceSum', value: string): string {
    return this.#add('Cast', [this.#add(op, [value], { keepdims: 1 })], { to: 1 });
  }

  /** Number of elements, as float32 [1]. */
  size(value: string): string {
    return this.flat(this.#add('Cast', [this.#add('Size', [value])], { to: 1 }));
  }

  #add(op: string, inputs: readonly string[], attributes: Record<string, number> = {}): string {
    const output = this.graph.freshName(`tap_${op}`);
    const node: Node = this.graph.add({ op, inputs, outputs: [output], attributes });
    return node.outputs[0]!;
  }
}
