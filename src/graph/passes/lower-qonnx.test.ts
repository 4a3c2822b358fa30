import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { openFile } from '../../files/index.ts';
import { float32, LowbitError } from '../../tensor/index.ts';
import { Graph, loadWeight, lowerQonnx, Model, type Node, readOnnx, tensorInfo, weightOf } from '../index.ts';
import { encodeOnnx } from '../onnx/index.ts';

/** The definition of the operators, element by element in float32, against what ONNX Runtime computes. */

const f = Math.fround;

const half = (x: number) => {
  const down = Math.floor(x);
  if (x - down !== 0.5) return Math.round(x);
  return down % 2 === 0 ? down : down + 1;
};

const roundings: Record<string, (x: number) => number> = {
  ROUND: half,
  CEIL: Math.ceil,
  FLOOR: Math.floor,
  UP: (x) => Math.sign(x) * Math.ceil(Math.abs(x)),
  DOWN: Math.trunc,
  HALF_UP: (x) => Math.sign(x) * Math.floor(f(Math.abs(x) + 0.5)),
  HALF_DOWN: (x) => Math.sign(x) * Math.ceil(f(Math.abs(x) - 0.5)),
};

interface QuantSettings {
  bits: number;
  signed: boolean;
  narrow: boolean;
  mode: string;
}

function clamp(x: number, { bits, signed, narrow }: QuantSettings): number {
  const min = signed ? -(2 ** (bits - 1)) + Number(narrow) : 0;
  const max = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1 - Number(narrow);
  return Math.min(Math.max(x, min), max);
}

function quant(x: number, scale: number, zeroPoint: number, settings: QuantSettings): number {
  const y = f(f(x / scale) + zeroPoint);
  const codes =
    settings.signed && settings.bits === 1
      ? y >= 0
        ? 1
        : -1
      : roundings[settings.mode]!(clamp(y, settings));
  return f(f(codes - zeroPoint) * scale);
}

const bipolar = (x: number, scale: number) => f((x >= 0 ? 1 : -1) * scale);

function truncated(
  x: number,
  scale: number,
  zeroPoint: number,
  inBits: number,
  outBits: number,
  mode: string,
) {
  const y = half(f(f(x / scale) + zeroPoint));
  return f(f(roundings[mode]!(f(y / 2 ** (inBits - outBits))) - zeroPoint) * scale);
}

/** Values between -4 and 4, with many exact halves and zeros of both signs. */
const inputs = Float32Array.from({ length: 240 }, (_, i) =>
  i % 3 === 0 ? (i - 120) / 32 : ((i * 7919) % 1009) / 126 - 4,
);
const dims = [4, 60];

function modelOf(
  op: string,
  parameters: readonly (readonly number[] | number)[],
  attributes: Record<string, number | string>,
): Model {
  const graph = new Graph('qonnx');
  graph.inputs = [tensorInfo('x', 'float32', dims)];
  graph.outputs = [tensorInfo('y', 'float32', dims)];
  const names = parameters.map((p, i) => {
    const values = typeof p === 'number' ? [p] : p;
    graph.initializers.set(
      `p${i}`,
      weightOf(float32(typeof p === 'number' ? [] : [values.length, 1], values)),
    );
    return `p${i}`;
  });
  graph.add({
    op,
    domain: 'qonnx.custom_op.general',
    inputs: ['x', ...names],
    outputs: ['y'],
    name: 'q',
    attributes,
  });
  const model = new Model(graph);
  model.opsets.set('qonnx.custom_op.general', 1);
  return model;
}

async function run(model: Model): Promise<Float32Array> {
  const { bytes } = await encodeOnnx(model);
  const session = await InferenceSession.create(bytes, {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 4,
    intraOpNumThreads: 1,
  });
  const { y } = await session.run({ x: new Tensor('float32', inputs, dims) });
  await session.release();
  return y!.data as Float32Array;
}

/** Adding 0 makes the two zeros one. */
const plain = (values: ArrayLike<number>) => Array.from(values, (v) => v + 0);

const settings: QuantSettings[] = [];
for (const bits of [1, 2, 3, 8, 32]) {
  for (const signed of [true, false]) {
    for (const narrow of [true, false]) settings.push({ bits, signed, narrow, mode: 'ROUND' });
  }
}
for (const mode of Object.keys(roundings)) settings.push({ bits: 4, signed: true, narrow: false, mode });

describe('Quant', () => {
  test.each(settings)('%o', async (s) => {
    for (const [scale, zeroPoint] of [
      [0.1, 0],
      [1, 0],
      [0.25, 3],
      [0.3, 0.5],
    ] as const) {
      const attributes = { signed: Number(s.signed), narrow: Number(s.narrow), rounding_mode: s.mode };
      const model = modelOf('Quant', [scale, zeroPoint, s.bits], attributes);
      expect((await lowerQonnx(model)).changes).toBe(2);
      const wanted = inputs.map((x) => quant(x, f(scale), f(zeroPoint), s));
      expect(plain(await run(model))).toEqual(plain(wanted));
    }
  });

  test('a scale per row', async () => {
    const scales = [0.1, 0.2, 0.4, 1];
    const model = modelOf('IntQuant', [scales, 0, 4], { signed: 1, narrow: 1, rounding_mode: 'round' });
    await lowerQonnx(model);
    const wanted = inputs.map((x, i) =>
      quant(x, f(scales[Math.floor(i / 60)]!), 0, { bits: 4, signed: true, narrow: true, mode: 'ROUND' }),
    );
    expect(plain(await run(model))).toEqual(plain(wanted));
  });
});

test('BipolarQuant', async () => {
  for (const scale of [1, 0.3]) {
    const model = modelOf('BipolarQuant', [scale], {});
    await lowerQonnx(model);
    expect(plain(await run(model))).toEqual(plain(inputs.map((x) => bipolar(x, f(scale)))));
  }
});

describe('Trunc', () => {
  test('version 1', async () => {
    for (const mode of ['FLOOR', 'ROUND', 'CEIL']) {
      const model = modelOf('Trunc', [0.01, 2, 10, 4], { rounding_mode: mode });
      await lowerQonnx(model);
      const wanted = inputs.map((x) => truncated(x, f(0.01), 2, 10, 4, mode));
      expect(plain(await run(model))).toEqual(plain(wanted));
    }
  });

  test('version 2', async () => {
    const model = modelOf('Trunc', [0.125, 4, 8, 0.5, 4], { rounding_mode: 'FLOOR', signed: 1, narrow: 0 });
    await lowerQonnx(model);
    const s = { bits: 4, signed: true, narrow: false, mode: 'FLOOR' };
    const wanted = inputs.map((x) => {
      const codes = Math.floor(clamp(f(half(f(f(x / 0.125) + 4)) / 4), s));
      return f(f(codes - 1) * 0.5);
    });
    expect(plain(await run(model))).toEqual(plain(wanted));
  });
});

test('a model without QONNX operators stays as it is', async () => {
  const model = new Model();
  expect(await lowerQonnx(model)).toEqual({ changes: 0, notes: [] });
});

describe('refused by name', () => {
  const refusal = async (model: Model) => {
    const error = await lowerQonnx(model).catch((e: unknown) => e);
    if (!(error instanceof LowbitError)) throw error;
    return error.message;
  };

  test('an operator without a standard form', async () => {
    expect(await refusal(modelOf('MultiThreshold', [1], {}))).toMatchInlineSnapshot(
      `"MultiThreshold 'q' (qonnx.custom_op.general.MultiThreshold) cannot be written with standard ONNX operators: lowbit lowers Quant, IntQuant, BipolarQuant, Trunc. Export the model without it."`,
    );
  });

  test('a bit width that is no whole number, or none at all', async () => {
    expect(await refusal(modelOf('Quant', [1, 0, 2.5], {}))).toMatchInlineSnapshot(
      `"Quant 'q' (qonnx.custom_op.general.Quant) cannot be written with standard ONNX operators: its bit width is 2.5, and not a whole number up to 64. Export the model without it."`,
    );
    expect(await refusal(modelOf('Quant', [1, 0, [2, 3, 4, 5]], {}))).toMatchInlineSnapshot(
      `"Quant 'q' (qonnx.custom_op.general.Quant) cannot be written with standard ONNX operators: its bit widths differ within the tensor. Export the model without it."`,
    );
    expect(await refusal(modelOf('Quant', [1, 0], {}))).toMatchInlineSnapshot(
      `"Quant 'q' (qonnx.custom_op.general.Quant) cannot be written with standard ONNX operators: its input 3 is missing. Export the model without it."`,
    );
  });

  test('a bit width that the graph computes', async () => {
    const model = modelOf('Quant', [1, 0, 4], {});
    model.graph.initializers.delete('p2');
    model.graph.add({ op: 'Shape', inputs: ['x'], outputs: ['p2'] });
    expect(await refusal(model)).toMatchInlineSnapshot(
      `"Quant 'q' (qonnx.custom_op.general.Quant) cannot be written with standard ONNX operators: its bit width is computed by the graph. Export the model without it."`,
    );
  });

  test('an unknown rounding mode', async () => {
    expect(await refusal(modelOf('Quant', [1, 0, 4], { rounding_mode: 'RANDOM' }))).toMatchInlineSnapshot(
      `"Quant 'q' (qonnx.custom_op.general.Quant) cannot be written with standard ONNX operators: its rounding mode is 'RANDOM'; known: ROUND, HALF_EVEN, CEIL, FLOOR, UP, DOWN, HALF_UP, HALF_DOWN. Export the model without it."`,
    );
  });
});

const assets = process.env.LOWBIT_ASSETS ?? resolve(import.meta.dirname, '../../../../shared/assets');
const qonnx = join(assets, 'qonnx');

describe.skipIf(!existsSync(qonnx))('models under LOWBIT_ASSETS (skipped where the folder is absent)', () => {
  test.each(['TFC_1W1A', 'TFC_2W2A', 'kwsmlp_w3a3', 'qkeras_jettagging'])('%s', async (name) => {
    const model = await readOnnx(await openFile(join(qonnx, `${name}.onnx`)));
    const original = [...model.graph.nodes].filter((n) => n.domain !== '');
    const references = await Promise.all(original.map((n) => referenceOf(model.graph, n)));
    await lowerQonnx(model);
    expect([...model.opsets.keys()]).toEqual(['']);

    // Every value that went in and out of a QONNX node, computed in one run.
    const taps = new Set(original.flatMap((n) => [n.inputs[0]!, n.outputs[0]!]));
    const known = new Map<string, Float32Array>();
    for (const tap of taps) {
      const constant = model.graph.initializers.get(tap);
      if (constant === undefined) {
        if (!model.graph.isInput(tap) && !model.graph.isOutput(tap))
          model.graph.outputs.push({ name: tap, type: undefined });
      } else if (constant.dtype === 'float32')
        known.set(tap, (await loadWeight(constant)).data as Float32Array);
    }
    const { bytes } = await encodeOnnx(model);
    const session = await InferenceSession.create(bytes, {
      graphOptimizationLevel: 'disabled',
      logSeverityLevel: 4,
    });
    const feeds: Record<string, Tensor> = {};
    for (const { name: input } of model.graph.inputs) {
      if (model.graph.initializers.has(input)) continue;
      const info = session.inputMetadata.find((m) => m.name === input)!;
      const shape = info.isTensor ? info.shape.map(Number) : [];
      const data = Float32Array.from(
        { length: shape.reduce((a, b) => a * b, 1) },
        (_, i) => ((i * 7919) % 1009) / 505 - 1,
      );
      feeds[input] = new Tensor('float32', data, shape);
      known.set(input, data);
    }
    const outputs = await session.run(feeds);
    await session.release();
    for (const [key, value] of Object.entries(outputs)) known.set(key, value.data as Float32Array);
    expect(original.length).toBeGreaterThan(7);
    for (const [i, node] of original.entries()) {
      const [x, y] = [known.get(node.inputs[0]!)!, known.get(node.outputs[0]!)!];
      expect(plain(y), node.label).toEqual(plain(x.map(references[i]!)));
    }
  });
});

/** The definition of one node of a file, as a function of element and index. */
async function referenceOf(graph: Graph, node: Node): Promise<(x: number, i: number) => number> {
  const parameters = await Promise.all(
    node.inputs.slice(1).map(async (name) => {
      const weight = graph.initializers.get(name) ?? constantNode(graph, name);
      if (weight.dtype === 'string') throw new Error(name);
      return Array.from((await loadWeight(weight)).data as ArrayLike<number | bigint>, Number);
    }),
  );
  const [scale, zeroPoint, bits] = parameters;
  const input = graph.initializers.get(node.inputs[0]!);
  const row = input === undefined ? 1 : input.dims.slice(1).reduce((a, b) => a * b, 1);
  const scaleAt = (i: number) => scale![scale!.length === 1 ? 0 : Math.floor(i / row)]!;
  if (node.op === 'BipolarQuant') return (x, i) => bipolar(x, scaleAt(i));
  const s = {
    bits: bits![0]!,
    signed: node.int('signed', 1) === 1,
    narrow: node.int('narrow', 0) === 1,
    mode: node.string('rounding_mode', 'ROUND'),
  };
  return (x, i) => quant(x, scaleAt(i), zeroPoint![0]!, s);
}

function constantNode(graph: Graph, name: string) {
  const attribute = graph.producer(name)?.attributes.get('value');
  if (attribute?.type !== 'tensor') throw new Error(`${name} is not constant`);
  return attribute.value;
}
