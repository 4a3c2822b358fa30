import { afterAll, beforeAll, expect, test } from 'vitest';
import { arrayDataset } from '../data/index.ts';
import { Graph, linearLayers, loadWeight, Model, shiftBias, tensorInfo, weightOf } from '../graph/index.ts';
import { createRuntime, type Runtime } from '../runtime/index.ts';
import { float32, type LowbitError } from '../tensor/index.ts';
import { measureChannels, outputChannels } from './channel-statistics.ts';
import { empiricalBiasShifts } from './empirical-bias.ts';
import { random } from './random-values.test-data.ts';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createRuntime('native', { threads: 1 });
});
afterAll(() => runtime.close());

/** Conv - Relu - Conv - Relu - MatMul + Add over padded pictures. */
function network(batch: number | string = 'batch'): Model {
  const graph = new Graph();
  let seed = 50;
  const weight = (name: string, dims: number[]) => {
    graph.initializers.set(
      name,
      weightOf(
        float32(
          dims,
          random(
            'normal',
            dims.reduce((a, b) => a * b, 1),
            seed++,
          ),
        ),
      ),
    );
    return name;
  };
  const pads = { pads: [1, 1, 1, 1] };
  graph.inputs = [tensorInfo('x', 'float32', [batch, 2, 6, 6])];
  graph.add({
    op: 'Conv',
    name: 'c1',
    inputs: ['x', weight('w1', [6, 2, 3, 3])],
    outputs: ['y1'],
    attributes: pads,
  });
  graph.add({ op: 'Relu', inputs: ['y1'], outputs: ['r1'] });
  const second = ['r1', weight('w2', [5, 6, 3, 3]), weight('b2', [5])];
  graph.add({ op: 'Conv', name: 'c2', inputs: second, outputs: ['y2'], attributes: pads });
  graph.add({ op: 'Relu', inputs: ['y2'], outputs: ['r2'] });
  graph.add({ op: 'GlobalAveragePool', inputs: ['r2'], outputs: ['pooled'] });
  graph.add({ op: 'Flatten', inputs: ['pooled'], outputs: ['flat'] });
  graph.add({ op: 'MatMul', name: 'm', inputs: ['flat', weight('w3', [5, 4])], outputs: ['product'] });
  graph.add({ op: 'Add', name: 'a', inputs: ['product', weight('b3', [4])], outputs: ['z'] });
  graph.outputs = [tensorInfo('z', 'float32')];
  const model = new Model(graph);
  model.irVersion = 8;
  model.opsets.set('', 17);
  return model;
}

/** Weights cut down to quarters: every layer is off, and makes the next one worse. */
async function coarse(model: Model): Promise<Model> {
  const copy = model.clone();
  for (const name of ['w1', 'w2', 'w3']) {
    const { dims } = copy.graph.constant(name)!;
    const data = (await loadWeight(model.graph.constant(name)!)).data as Float32Array;
    copy.graph.initializers.set(
      name,
      weightOf(
        float32(
          dims,
          data.map((v) => Math.floor(v * 4) / 4),
        ),
      ),
    );
  }
  return copy;
}

const dataset = arrayDataset({ inputs: { x: float32([64, 2, 6, 6], random('uniform', 64 * 72, 60)) } });

/** Largest difference of mean over the channels of each layer, in standard deviations of the float one. */
async function errors(float: Model, quantized: Model): Promise<number[]> {
  const values = linearLayers(float.graph).map(outputChannels);
  const wanted = await measureChannels({ model: float, values, dataset, runtime });
  const got = await measureChannels({ model: quantized, values, dataset, runtime });
  return values.map(({ value }) => {
    const { mean, std } = wanted.get(value)!;
    return Math.max(...mean.map((m, c) => Math.abs(m - got.get(value)!.mean[c]!) / std[c]!));
  });
}

test('after correction every layer has the mean of the float network', async () => {
  const model = network();
  const quantized = await coarse(model);
  const before = await errors(model, quantized);
  for (const batchSize of [64, 16]) {
    const shifts = await empiricalBiasShifts({ model, quantized, dataset, runtime, samples: 64, batchSize });
    expect([...shifts.keys()]).toEqual(['c1', 'c2', 'm']);
    const corrected = quantized.clone();
    for (const layer of linearLayers(corrected.graph)) {
      await shiftBias(corrected.graph, layer, shifts.get(layer.node.name)!);
    }
    const after = await errors(model, corrected);
    for (const [k, error] of after.entries()) {
      expect(before[k]).toBeGreaterThan(0.3);
      // One batch of everything is exact; the mean over batches is close to it.
      expect(error).toBeLessThan(batchSize === 64 ? 1e-4 : 0.05);
    }
  }
});

test('an unchanged network needs no correction, one with a fixed batch takes whole batches', async () => {
  const model = network(16);
  const done: number[] = [];
  const shifts = await empiricalBiasShifts({
    model,
    quantized: model,
    dataset,
    runtime,
    samples: 60,
    onProgress: (p) => done.push(p.done),
  });
  expect(done).toEqual([16, 32, 48]);
  for (const shift of shifts.values()) for (const s of shift) expect(Math.abs(s)).toBeLessThan(1e-5);
});

test('too few samples for the fixed batch', async () => {
  const model = network(128);
  const run = empiricalBiasShifts({ model, quantized: model, dataset, runtime });
  expect(await run.catch((e: LowbitError) => e.code)).toBe('calibration/no-samples');
});
