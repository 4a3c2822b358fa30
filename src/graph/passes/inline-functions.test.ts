import { Tensor as OrtTensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { runModel } from '../../../test/asset-models.ts';
import { Graph } from '../graph.ts';
import { Model, type ModelFunction } from '../model.ts';
import { floatAttribute, Node, type NodeInit } from '../node.ts';
import { tensorInfo } from '../value.ts';
import { inlineFunctions } from './inline-functions.ts';

const functionOf = (
  name: string,
  nodes: readonly (NodeInit | Node)[],
  more: Partial<ModelFunction> = {},
): ModelFunction => ({
  name,
  domain: 'own',
  overload: '',
  inputs: ['a'],
  outputs: ['b'],
  attributes: [],
  attributeDefaults: new Map(),
  nodes: nodes.map((n) => (n instanceof Node ? n : new Node(n))),
  opsets: new Map([['', 21]]),
  valueInfo: [],
  docString: '',
  metadata: new Map(),
  ...more,
});

function modelOf(functions: ModelFunction[], ...nodes: NodeInit[]): Model {
  const graph = new Graph();
  graph.inputs = [tensorInfo('x', 'float32', [3])];
  for (const node of nodes) graph.add(node);
  graph.outputs = [tensorInfo('y', 'float32', [3])];
  const model = new Model(graph);
  model.opsets.set('own', 1);
  model.functions = functions;
  return model;
}

const x = { x: new OrtTensor('float32', Float32Array.of(-1, 0, 2), [3]) };

/** Runs the model as ONNX Runtime inlines it, and as we do. */
async function inlined(model: Model): Promise<Model> {
  const wanted = (await runModel(model, x)).y!;
  await inlineFunctions(model);
  model.functions = [];
  expect((await runModel(model, x)).y!.data).toEqual(wanted.data);
  return model;
}

const call = (op: string, inputs: string[], outputs: string[], attributes = {}): NodeInit => ({
  op,
  domain: 'own',
  inputs,
  outputs,
  attributes,
});

/** Names inside are those of the model outside: they must not meet. */
const scaled = functionOf(
  'Scaled',
  [
    new Node({
      op: 'Constant',
      inputs: [],
      outputs: ['x'],
      attributes: new Map([['value_float', { type: 'reference', name: 'by', attributeType: 1 } as const]]),
    }),
    { op: 'Mul', inputs: ['a', 'x'], outputs: ['b'] },
  ],
  { attributes: ['by'] },
);

test('calls of one function keep apart, and attributes stand where they are referred to', async () => {
  const model = await inlined(
    modelOf(
      [scaled],
      call('Scaled', ['x'], ['m'], { by: floatAttribute(3) }),
      call('Scaled', ['m'], ['y'], { by: floatAttribute(-2) }),
    ),
  );
  expect([...model.graph.nodes].map((n) => n.kind)).toEqual(['Constant', 'Mul', 'Constant', 'Mul']);
});

test('functions in functions, in branches, with values that subgraphs capture', async () => {
  const branch = (op: string) => {
    const graph = new Graph(op);
    graph.add({ op, inputs: ['half'], outputs: [`${op}_out`], domain: op === 'Scaled' ? 'own' : '' });
    if (op === 'Scaled') graph.producer(`${op}_out`)!.set('by', floatAttribute(4));
    graph.outputs = [{ name: `${op}_out`, type: undefined }];
    return graph;
  };
  const outer = functionOf(
    'Outer',
    [
      {
        op: 'Scaled',
        domain: 'own',
        inputs: ['a'],
        outputs: ['half'],
        attributes: { by: floatAttribute(0.5) },
      },
      { op: 'ReduceSum', inputs: ['half'], outputs: ['sum'], attributes: { keepdims: 0 } },
      { op: 'Cast', inputs: ['sum'], outputs: ['positive'], attributes: { to: 9 } },
      {
        op: 'If',
        inputs: ['positive'],
        outputs: ['b'],
        attributes: { then_branch: branch('Scaled'), else_branch: branch('Neg') },
      },
    ],
    {
      opsets: new Map([
        ['', 21],
        ['own', 1],
      ]),
    },
  );
  const model = await inlined(modelOf([outer, scaled], call('Outer', ['x'], ['y'])));
  expect([...model.graph.nodes].every((n) => n.domain === '')).toBe(true);
});

test('an output that is an input gets a node of its own', async () => {
  const same = functionOf('Same', [], { outputs: ['a'] });
  const model = modelOf([same], call('Same', ['x'], ['m']), { op: 'Neg', inputs: ['m'], outputs: ['y'] });
  await inlineFunctions(model);
  expect([...model.graph.nodes].map((n) => n.kind).sort()).toEqual(['Identity', 'Neg']);
});

describe('refusals', () => {
  const message = async (model: Model) => {
    try {
      await inlineFunctions(model);
    } catch (error) {
      return (error as Error).message;
    }
    return 'inlined';
  };

  test('a function that calls itself', async () => {
    const loop = functionOf('Loop', [call('Back', ['a'], ['b'])]);
    const back = functionOf('Back', [call('Loop', ['a'], ['b'])]);
    expect(await message(modelOf([loop, back], call('Loop', ['x'], ['y'])))).toMatchInlineSnapshot(
      `"Function 'Loop' calls itself, which ONNX forbids. The model is not valid; export it again."`,
    );
  });

  test('functions that multiply', async () => {
    const functions = Array.from({ length: 40 }, (_, i) =>
      functionOf(`F${i}`, [call(`F${i + 1}`, ['a'], ['m']), call(`F${i + 1}`, ['m'], ['b'])]),
    );
    expect(await message(modelOf(functions, call('F0', ['x'], ['y'])))).toMatchInlineSnapshot(
      `"Inlining function 'F0' would make more than 1000000 nodes. The model's functions call each other too often; export it without functions."`,
    );
  });

  test('another operator set stays a function, with a note', async () => {
    const old = functionOf('Old', [{ op: 'Neg', inputs: ['a'], outputs: ['b'] }], {
      opsets: new Map([['', 17]]),
    });
    const model = modelOf([old], call('Old', ['x'], ['y']));
    const { changes, notes } = await inlineFunctions(model);
    expect([changes, ...notes]).toMatchInlineSnapshot(`
      [
        0,
        "Function 'Old' was not inlined: it speaks version 17 of ai.onnx and the model version 21.",
      ]
    `);
  });
});
