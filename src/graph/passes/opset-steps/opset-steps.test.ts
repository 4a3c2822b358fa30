import { describe, expect, test } from 'vitest';
import { difference, runModel } from '../../../../test/asset-models.ts';
import { feedsOf, ints, type OneNode, oneNode, randomTensor } from '../../../../test/one-node.ts';
import { float32, int64, type Tensor } from '../../../tensor/index.ts';
import { Graph } from '../../graph.ts';
import { Model } from '../../model.ts';
import { floatAttribute, Node } from '../../node.ts';
import { tensorInfo } from '../../value.ts';
import { inlineFunctions } from '../inline-functions.ts';
import { raiseOpset } from '../raise-opset.ts';

const x = randomTensor(1, 2, 3, 4, 4);
const floats = (...value: number[]) => ({ type: 'floats', value }) as const;

type Case = readonly [
  what: string,
  node: OneNode,
  ...inputs: (Tensor<'float32'> | Tensor<'int64'> | undefined)[],
];

/** Each old form, its inputs, and the same outputs from ONNX Runtime at the newest version. */
const cases: readonly Case[] = [
  ['Softmax of a matrix', { op: 'Softmax', opset: 11 }, x],
  ['Softmax of rows', { op: 'Softmax', opset: 11, attributes: { axis: 3 } }, x],
  ['LogSoftmax', { op: 'LogSoftmax', opset: 11, attributes: { axis: -2 } }, x],
  ['Hardmax', { op: 'Hardmax', opset: 11, attributes: { axis: 2 } }, x],
  ['Upsample 7', { op: 'Upsample', opset: 7, attributes: { scales: floats(1, 1, 2, 3) } }, x],
  [
    'Upsample 9',
    { op: 'Upsample', opset: 9, attributes: { mode: 'linear' } },
    x,
    float32([4], [1, 1, 2, 1.5]),
  ],
  ['Resize 10 up', { op: 'Resize', opset: 10 }, x, float32([4], [1, 1, 1.7, 2.5])],
  ['Resize 10 down', { op: 'Resize', opset: 10 }, x, float32([4], [1, 1, 0.6, 0.5])],
  [
    'Resize 10 linear',
    { op: 'Resize', opset: 10, attributes: { mode: 'linear' } },
    x,
    float32([4], [1, 1, 0.6, 2.5]),
  ],
  [
    'Resize 11 by sizes',
    { op: 'Resize', opset: 11, attributes: { mode: 'linear' } },
    ...([x, float32([0], []), float32([0], []), ints(2, 3, 7, 5)] as const),
  ],
  ['Clip 6', { op: 'Clip', opset: 8, attributes: { min: floatAttribute(-1), max: floatAttribute(0.5) } }, x],
  ['Clip 6, one bound', { op: 'Clip', opset: 8, attributes: { max: floatAttribute(0) } }, x],
  ['Clip 6, none', { op: 'Clip', opset: 8 }, x],
  [
    'Pad 2',
    { op: 'Pad', opset: 9, attributes: { pads: [0, 0, 1, 0, 0, 0, 2, 1], value: floatAttribute(3) } },
    x,
  ],
  [
    'Pad 2 by reflection',
    { op: 'Pad', opset: 9, attributes: { pads: [0, 0, 1, 0, 0, 0, 2, 1], mode: 'reflect' } },
    x,
  ],
  ['TopK 1', { op: 'TopK', opset: 9, attributes: { k: 2, axis: 1 }, outputs: 2 }, x],
  ['Slice 1', { op: 'Slice', opset: 9, attributes: { starts: [1, -3], ends: [9, -1], axes: [1, 3] } }, x],
  ['Slice 1 without axes', { op: 'Slice', opset: 9, attributes: { starts: [1], ends: [2] } }, x],
  ['Dropout 7', { op: 'Dropout', opset: 9, attributes: { ratio: 0.3 } }, x],
  ['Split 2', { op: 'Split', opset: 9, attributes: { axis: 2, split: [1, 3] }, outputs: 2 }, x],
  ['Split 2 in equal parts', { op: 'Split', opset: 9, attributes: { axis: 1 }, outputs: 3 }, x],
  ['Squeeze 1', { op: 'Squeeze', opset: 9, attributes: { axes: [0] } }, randomTensor(2, 1, 3, 1)],
  ['Squeeze 1 of all', { op: 'Squeeze', opset: 9 }, randomTensor(2, 1, 3, 1)],
  ['Unsqueeze 1', { op: 'Unsqueeze', opset: 9, attributes: { axes: [0, 2] } }, randomTensor(2, 3, 4)],
  ['ReduceSum 1', { op: 'ReduceSum', opset: 9, attributes: { axes: [1, 2], keepdims: 0 } }, x],
  ['ReduceSum 1 of all', { op: 'ReduceSum', opset: 9 }, x],
  ['ReduceMean 13', { op: 'ReduceMean', opset: 13, attributes: { axes: [-1] } }, x],
  ['ReduceMax 13', { op: 'ReduceMax', opset: 13, attributes: { keepdims: 0 } }, x],
  ['ReduceL2 13', { op: 'ReduceL2', opset: 13, attributes: { axes: [2, 3] } }, x],
  [
    'BatchNormalization 7',
    { op: 'BatchNormalization', opset: 8, attributes: { spatial: 1 } },
    ...([x, randomTensor(3, 3), randomTensor(4, 3), randomTensor(5, 3), float32([3], [1, 2, 3])] as const),
  ],
  ['Scatter 9', { op: 'Scatter', opset: 9 }, randomTensor(1, 4), ints(2, 0), randomTensor(2, 2)],
  [
    'RoiAlign 10',
    { op: 'RoiAlign', opset: 10, attributes: { output_height: 2, output_width: 2 } },
    ...([x, float32([1, 4], [0, 0, 3, 3]), ints(1)] as const),
  ],
  [
    'GridSample 16',
    { op: 'GridSample', opset: 16, attributes: { mode: 'bicubic' } },
    x,
    randomTensor(6, 2, 3, 3, 2),
  ],
  ['DFT 17', { op: 'DFT', opset: 17, attributes: { axis: 2 } }, randomTensor(1, 1, 3, 5, 1)],
  [
    'GroupNormalization 18',
    { op: 'GroupNormalization', opset: 18, attributes: { num_groups: 2, epsilon: 1e-5 } },
    ...([randomTensor(1, 2, 6, 4), float32([2], [1, 2]), float32([2], [0.5, -1])] as const),
  ],
];

describe('old forms compute the same in ONNX Runtime after raising', () => {
  test.each(cases.map(([what, node, ...inputs]) => ({ what, node, inputs })))(
    '$what',
    async ({ node, inputs }) => {
      const fed: OneNode = { ...node, fed: [0] };
      const before = oneNode(fed, ...inputs);
      const feeds = feedsOf(fed, ...inputs);
      const wanted = await runModel(before, feeds);
      // ONNX Runtime 1.30 has no RoiAlign of version 22.
      for (const target of node.op === 'RoiAlign' ? [21] : [21, 26]) {
        const after = before.clone();
        await raiseOpset(after, target);
        const got = await runModel(after, feeds);
        for (const [name, value] of Object.entries(wanted))
          expect(difference(got[name]!, value)).toBeLessThan(1e-6);
      }
    },
  );

  test('inside a branch of If', async () => {
    const branch = (axis: number) => {
      const graph = new Graph(`axis${axis}`);
      graph.add({ op: 'ReduceMean', inputs: ['x'], outputs: [`y${axis}`], attributes: { axes: [axis] } });
      graph.outputs.push({ name: `y${axis}`, type: undefined });
      return graph;
    };
    const graph = new Graph();
    graph.inputs.push(tensorInfo('x', 'float32', [2, 3]), tensorInfo('test', 'bool', []));
    graph.add({
      op: 'If',
      inputs: ['test'],
      outputs: ['y'],
      attributes: { then_branch: branch(0), else_branch: branch(1) },
    });
    graph.outputs.push({ name: 'y', type: undefined });
    const model = new Model(graph);
    model.opsets.set('', 11);
    const { Tensor } = await import('onnxruntime-node');
    const feeds = {
      x: new Tensor('float32', Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]),
      test: new Tensor('bool', Uint8Array.of(0), []),
    };
    await raiseOpset(model, 25);
    expect([...(await runModel(model, feeds)).y!.data]).toEqual([2, 5]);
  });

  test('inside a function, which then inlines', async () => {
    const graph = new Graph();
    graph.inputs.push(tensorInfo('x', 'float32', [2, 3]));
    graph.outputs.push({ name: 'y', type: undefined });
    graph.add({ op: 'Centre', domain: 'own', inputs: ['x'], outputs: ['y'] });
    const model = new Model(graph);
    model.opsets.set('own', 1);
    model.functions.push({
      name: 'Centre',
      domain: 'own',
      overload: '',
      inputs: ['a'],
      outputs: ['b'],
      attributes: [],
      attributeDefaults: new Map(),
      nodes: [
        new Node({ op: 'ReduceMean', inputs: ['a'], outputs: ['m'], attributes: { axes: [1] } }),
        new Node({ op: 'Sub', inputs: ['a', 'm'], outputs: ['b'] }),
      ],
      opsets: new Map([['', 13]]),
      valueInfo: [],
      docString: '',
      metadata: new Map(),
    });
    await raiseOpset(model, 21);
    await inlineFunctions(model);
    expect([...model.graph.nodes].map((n) => n.kind)).toEqual(['Constant', 'ReduceMean', 'Sub']);
    const { Tensor } = await import('onnxruntime-node');
    const feeds = { x: new Tensor('float32', Float32Array.of(1, 2, 3, 4, 5, 9), [2, 3]) };
    expect([...(await runModel(model, feeds)).y!.data]).toEqual([-1, 0, 1, -2, -1, 3]);
  });
});

describe('what cannot be raised is refused by name', () => {
  const refusal = async (model: Model, target = 21) => {
    try {
      await raiseOpset(model, target);
    } catch (error) {
      return (error as Error).message;
    }
    return 'raised';
  };

  test('operators', async () => {
    const scan = { op: 'Scan', opset: 8, name: 'steps', fed: [0] };
    expect(await refusal(oneNode(scan, x))).toMatchInlineSnapshot(
      `"Scan 'steps' cannot be raised from opset 8 to 9: Scan before version 9 had a batch axis. Export the model with a newer opset."`,
    );
    const norm = { op: 'BatchNormalization', opset: 8, name: 'bn', attributes: { spatial: 0 } };
    expect(await refusal(oneNode(norm, x, x, x, x, x))).toMatchInlineSnapshot(
      `"BatchNormalization 'bn' cannot be raised from opset 8 to 9: its statistics are per element (spatial = 0). Export the model with a newer opset."`,
    );
    expect(await refusal(oneNode({ op: 'Affine', opset: 8 }, x))).toMatchInlineSnapshot(
      `"Affine -> 'r0' cannot be raised from opset 9 to 10: version 10 has no such operator. Export the model with a newer opset."`,
    );
    expect(
      await refusal(oneNode({ op: 'GroupNormalization', opset: 18, fed: [1] }, x, x, x)),
    ).toMatchInlineSnapshot(
      `"GroupNormalization -> 'r0' cannot be raised from opset 20 to 21: its number of channels is unknown. Export the model with a newer opset."`,
    );
  });

  test('versions', async () => {
    expect(await refusal(oneNode({ op: 'Relu', opset: 6 }, x))).toMatchInlineSnapshot(
      `"The model speaks opset 6 and 21 is wanted, but lowbit raises between 7 and 26 only. Export the model with an opset in that range."`,
    );
    expect(await refusal(oneNode({ op: 'Relu', opset: 13 }, x), 27)).toMatchInlineSnapshot(
      `"The model speaks opset 13 and 27 is wanted, but lowbit raises between 7 and 26 only. Export the model with an opset in that range."`,
    );
  });

  test('a newer model is never lowered', async () => {
    const model = oneNode({ op: 'Relu', opset: 22 }, x);
    expect((await raiseOpset(model, 21)).changes).toBe(0);
    expect([model.opset, model.irVersion]).toEqual([22, 11]);
  });

  test('the end of a slice stays the largest integer', async () => {
    const attributes = {
      starts: [1],
      ends: { type: 'ints', value: [2n ** 63n - 1n] },
      axes: [0],
    } as const;
    const model = oneNode({ op: 'Slice', opset: 9, attributes, fed: [0] }, int64([3], [1, 2, 3]));
    await raiseOpset(model, 21);
    const bytes = await model.graph.constant('r0/ends')!.read();
    expect(new BigInt64Array(bytes.slice().buffer)[0]).toBe(2n ** 63n - 1n);
  });
});
