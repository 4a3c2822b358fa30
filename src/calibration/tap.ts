import { dataTypes } from '../files/onnx/index.ts';
import { type AttributeLike, type Graph, type Model, weightOf } from '../graph/index.ts';
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
 * One float32 output, the numbers that `build` makes for each item, one behind the other. Many small outputs
 * would cost more than the reductions.
 */
export function tapPacked<T extends { readonly value: string }>(
  model: Model,
  items: readonly T[],
  build: (tap: TapBuilder, item: T) => readonly string[],
): Tapped {
  const copy = model.clone();
  const { graph } = copy;
  checkValues(
    graph,
    items.map((item) => item.value),
  );
  const tap = new TapBuilder(copy);
  const packed = items.flatMap((item) => build(tap, item));
  const output = graph.freshName('taps');
  graph.add({ op: 'Concat', inputs: packed, outputs: [output], attributes: { axis: 0 } });
  graph.outputs = [{ name: output, type: undefined }];
  return { model: copy, outputs: [output] };
}

/** Where the channels of a value lie: along `axis` of `rank` axes, or along the last one of however many. */
export interface ChannelAxis {
  readonly channels: number;
  readonly axis: number;
  readonly rank: number | undefined;
}

type Reduction = 'ReduceMin' | 'ReduceMax' | 'ReduceSum' | 'ReduceMean';

/** From here on the axes of ReduceMin, ReduceMax and ReduceMean are an input. */
const axesAreInput = 18;

/** Adds small nodes behind values; every result is a float32 vector. */
export class TapBuilder {
  readonly graph: Graph;
  readonly #axesAreInput: boolean;
  readonly #constants = new Map<string, string>();

  constructor(model: Model) {
    this.graph = model.graph;
    this.#axesAreInput = model.opset >= axesAreInput;
  }

  /** The value as [elements]; costs nothing, as it shares the memory. */
  flat(value: string): string {
    return this.reshape(value, [-1]);
  }

  reshape(value: string, dims: readonly number[]): string {
    return this.#add('Reshape', [value, this.#integers(dims)]);
  }

  subtract(a: string, b: string): string {
    return this.#add('Sub', [a, b]);
  }

  /** All elements of a flat value reduced to one. Without axes every opset writes it the same way. */
  reduce(op: Reduction, flat: string): string {
    return this.#float(this.#add(op, [flat], { keepdims: 1 }));
  }

  /** Number of elements. */
  size(value: string): string {
    return this.flat(this.#float(this.#add('Size', [value])));
  }

  square(value: string): string {
    return this.#add('Mul', [value, value]);
  }

  /** Per channel, over all other axes: [channels]. */
  reduceChannels(
    op: Exclude<Reduction, 'ReduceSum'>,
    value: string,
    { channels, axis, rank }: ChannelAxis,
  ): string {
    const last = axis === -1 || rank === undefined;
    const from = last ? this.#add('Reshape', [value, this.#integers([-1, channels])]) : value;
    const others = last ? [0] : Array.from({ length: rank }, (_, i) => i).filter((i) => i !== axis);
    const output = this.#axesAreInput
      ? this.#add(op, [from, this.#integers(others)], { keepdims: 0 })
      : this.#add(op, [from], { keepdims: 0, axes: others });
    return this.#float(output);
  }

  #float(value: string): string {
    return this.#add('Cast', [value], { to: dataTypes.float32.number });
  }

  #integers(values: readonly number[]): string {
    const key = values.join();
    let name = this.#constants.get(key);
    if (name === undefined) {
      name = this.graph.addConstant('tap_integers', weightOf(int64([values.length], values)));
      this.#constants.set(key, name);
    }
    return name;
  }

  #add(op: string, inputs: readonly string[], attributes: Record<string, AttributeLike> = {}): string {
    const output = this.graph.freshName(`tap_${op}`);
    this.graph.add({ op, inputs, outputs: [output], attributes });
    return output;
  }
}
