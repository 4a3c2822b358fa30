import { quantizeTensor, toFloat32 } from '../../../numerics/index.ts';
import { elementCount, float32 } from '../../../tensor/index.ts';
import type { AttributeLike } from '../../attribute.ts';
import { Graph } from '../../graph.ts';
import { Model } from '../../model.ts';
import { tensorInfo } from '../../value.ts';
import { loadWeight, weightOf } from '../../weight.ts';
import type { NodeFilter, WeightQuantizer } from '../lowering.ts';
import { applyStatic, type StaticResult } from './apply.ts';
import { noise } from './one-operator-models.test-data.ts';
import { defaultStaticOptions, type StaticOptions } from './options.ts';
import { planStatic, type StaticPlan } from './plan.ts';
import { createSession, type FloatFeed, runModel, runSession } from './run-model.test-data.ts';

/** Round to nearest: what methods come to when there is nothing to optimize. */
export const nearest: WeightQuantizer = async ({ weight, scheme, name }) =>
  quantizeTensor(toFloat32(await loadWeight(weight)), weight.dims, scheme, { name });

/** Builds small models line by line; every node is named by its output. */
export class SmallModel {
  readonly graph = new Graph('small');
  readonly feeds: Record<string, FloatFeed> = {};
  #seed = 1;

  input(name: string, dims: readonly number[]): string {
    this.graph.inputs.push(tensorInfo(name, 'float32', dims));
    this.feeds[name] = { dims, data: noise(elementCount(dims), 1, this.#seed++) };
    return name;
  }

  constant(name: string, dims: readonly number[], values?: ArrayLike<number>): string {
    const data = values ?? noise(elementCount(dims), 0.5, this.#seed++);
    this.graph.initializers.set(name, weightOf(float32(dims, data)));
    return name;
  }

  node(
    op: string,
    inputs: readonly string[],
    output: string,
    attributes: Readonly<Record<string, AttributeLike>> = {},
  ): string {
    this.graph.add({ op, name: output, inputs, outputs: [output], attributes });
    return output;
  }

  build(outputs: readonly string[], opset = 17): Model {
    this.graph.outputs = outputs.map((name) => ({ name, type: undefined }));
    const model = new Model(this.graph);
    model.irVersion = 10;
    model.opsets.set('', opset);
    return model;
  }
}

export interface LoweredModel {
  readonly model: Model;
  readonly plan: StaticPlan;
  readonly result: StaticResult;
  readonly wanted: Readonly<Record<string, Float32Array>>;
}

/** Plans, takes the ranges of the one feed there is, and lowers. */
export async function lowerSmall(
  model: Model,
  feeds: Readonly<Record<string, FloatFeed>>,
  options: Partial<StaticOptions> = {},
  form: 'qdq' | 'qoperator' = 'qdq',
  filter: NodeFilter = () => true,
): Promise<LoweredModel> {
  const plan = await planStatic(model, { ...defaultStaticOptions, ...options }, filter);
  const wanted = await runModel(model, feeds);
  const ranges = await minMax(
    model,
    plan.ranges.map((r) => r.value),
    [feeds],
  );
  const result = await applyStatic(model, plan, ranges, { quantizeWeight: nearest, form });
  return { model, plan, result, wanted };
}

/** Ranges of values over batches, by tapping them. */
export async function minMax(
  model: Model,
  values: readonly string[],
  batches: Iterable<Readonly<Record<string, FloatFeed>>>,
): Promise<Map<string, { min: number; max: number }>> {
  const tapped = model.clone();
  const made = values.filter((v) => !tapped.graph.isOutput(v) && !tapped.graph.isInput(v));
  tapped.graph.outputs = [...tapped.graph.outputs, ...made.map((name) => ({ name, type: undefined }))];
  const ranges = new Map(values.map((v) => [v, { min: Infinity, max: -Infinity }]));
  const session = await createSession(tapped);
  for (const feeds of batches) {
    const found = await runSession(session, feeds);
    for (const [value, range] of ranges) {
      const data = found[value] ?? feeds[value]!.data;
      for (let i = 0; i < data.length; i++) {
        const x = data[i]!;
        if (x < range.min) range.min = x;
        if (x > range.max) range.max = x;
      }
    }
  }
  await session.release();
  return ranges;
}
