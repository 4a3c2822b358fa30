import { describe, expect, test } from 'vitest';
import { elementCount } from '../../../tensor/index.ts';
import type { Model } from '../../model.ts';
import { tensorInfo } from '../../value.ts';
import { loadWeight } from '../../weight.ts';
import { applyStatic } from './apply.ts';
import { defaultStaticOptions, type StaticOptions } from './options.ts';
import { planStatic } from './plan.ts';
import { optimizedKinds, runModel, sqnrDb } from './run-model.test-data.ts';
import { lowerSmall, nearest, SmallModel } from './small-model.test-data.ts';

const forms = ['qdq', 'qoperator'] as const;
const int8Activations: Partial<StaticOptions> = {
  activations: { ...defaultStaticOptions.activations, format: 'int8' },
};

/** Lowers in both forms and compares with float. */
async function bothForms(build: () => [SmallModel, Model], least = 32, options: Partial<StaticOptions> = {}) {
  for (const form of forms) {
    const [small, model] = build();
    const lowered = await lowerSmall(model, small.feeds, options, form);
    const got = await runModel(model, small.feeds);
    for (const [name, wanted] of Object.entries(lowered.wanted)) {
      expect(sqnrDb(wanted, got[name]!), `${form} ${name}`).toBeGreaterThan(least);
    }
    expect(lowered.plan.kept).toEqual([]);
  }
}

describe('convolutions', () => {
  test.each([
    ['1-D', [2, 8, 40], [16, 8, 3], 1],
    ['3-D', [1, 4, 6, 6, 6], [8, 4, 3, 3, 3], 1],
    ['grouped', [1, 8, 10, 10], [16, 4, 3, 3], 2],
    ['depthwise', [1, 16, 10, 10], [16, 1, 3, 3], 16],
    ['pointwise', [3, 16, 10, 10], [32, 16, 1, 1], 1],
  ] as const)('%s, per channel', (_, x, w, group) =>
    bothForms(() => {
      const s = new SmallModel();
      const big = s.constant('w2', [1024, w[0], ...w.slice(2).map(() => 1)]);
      s.node('Conv', [s.input('x', x), s.constant('w', w), s.constant('b', [w[0]])], 'y', { group });
      return [s, s.build([s.node('Conv', ['y', big], 'z')])];
    }),
  );

  test('a channel of tiny weights beside a usual bias: the scale is raised until int32 holds it', () =>
    bothForms(() => {
      const s = new SmallModel();
      const weights = Array.from({ length: 64 * 16 }, (_, i) => (i < 16 ? 1e-12 : 0.3) * Math.sin(i));
      const bias = Array.from({ length: 64 }, (_, i) => Math.cos(i));
      const w = s.constant('w', [64, 16, 1, 1], weights);
      s.node('Conv', [s.input('x', [1, 16, 8, 8]), w, s.constant('b', [64], bias)], 'y');
      return [s, s.build(['y'])];
    }));

  test('a dead channel gives its bias', async () => {
    for (const form of forms) {
      const s = new SmallModel();
      const weights = Array.from({ length: 64 * 16 }, (_, i) => (i < 16 ? 0 : 0.1 * Math.sin(i)));
      const bias = Array.from({ length: 64 }, (_, i) => (i === 0 ? 0.7431 : 0));
      const w = s.constant('w', [64, 16, 1, 1], weights);
      s.node('Conv', [s.input('x', [1, 16, 8, 8]), w, s.constant('b', [64], bias)], 'y');
      const model = s.build(['y']);
      const { result } = await lowerSmall(model, s.feeds, {}, form);
      const { y } = await runModel(model, s.feeds);
      const step = result.codes.get('y')!.scale;
      for (const value of y!.subarray(0, 64))
        expect(Math.abs(value - 0.7431)).toBeLessThanOrEqual(step / 2 + 1e-6);
    }
  });
});

describe('matrix products', () => {
  test.each([
    ['alpha and beta', { alpha: 0.5, beta: 2.25 }, [32, 48], [6, 32]],
    ['transposed weight', { transB: 1 }, [48, 32], [6, 32]],
    ['transposed input', { transA: 1 }, [32, 48], [32, 6]],
  ] as const)('Gemm with %s', (_, attributes, w, x) =>
    bothForms(() => {
      const s = new SmallModel();
      const bias = s.constant('b', [1, 48]);
      s.node('Gemm', [s.input('x', x), s.constant('w', w), bias], 'y', {
        ...attributes,
        ...('alpha' in attributes && {
          alpha: { type: 'float', value: attributes.alpha },
          beta: { type: 'float', value: attributes.beta },
        }),
      });
      return [s, s.build(['y'])];
    }),
  );

  test('Gemm whose output is codes for the next one, with Relu between', () =>
    bothForms(() => {
      const s = new SmallModel();
      s.node('Gemm', [s.input('x', [4, 32]), s.constant('w', [32, 64]), s.constant('b', [64])], 'y');
      s.node('Relu', ['y'], 'r');
      s.node('Gemm', ['r', s.constant('w2', [64, 32])], 'z');
      return [s, s.build(['z'])];
    }));

  test('MatMul with a weight for each batch', () =>
    bothForms(() => {
      const s = new SmallModel();
      s.node('MatMul', [s.input('x', [4, 6, 32]), s.constant('w', [4, 32, 16])], 'y');
      return [s, s.build(['y'])];
    }));

  test.skipIf(process.arch !== 'x64')('MatMul with an Add behind it stays an integer one', async () => {
    const s = new SmallModel();
    s.node('MatMul', [s.input('x', [2, 6, 32]), s.constant('w', [32, 48])], 'y');
    s.node('Add', ['y', s.constant('b', [48])], 'z');
    const model = s.build(['z']);
    const { wanted } = await lowerSmall(model, s.feeds);
    expect(await optimizedKinds(model)).toContain('QLinearMatMul');
    expect(sqnrDb(wanted.z!, (await runModel(model, s.feeds)).z!)).toBeGreaterThan(32);
  });
});

describe('what several nodes share', () => {
  test('one weight and one bias of two convolutions: codes once, a bias for each input scale', async () => {
    const s = new SmallModel();
    const x = s.input('x', [1, 32, 8, 8]);
    const w = s.constant('w', [32, 32, 1, 1]);
    const b = s.constant('b', [32]);
    s.node('Conv', [x, w, b], 'y');
    s.node('Conv', ['y', w, b], 'z');
    const model = s.build(['z']);
    const { result, wanted } = await lowerSmall(model, s.feeds);
    expect(result.quantized.map((q) => q.name)).toEqual(['w']);
    const int32 = [...model.graph.initializers.values()].filter((v) => v.dtype === 'int32');
    expect(int32).toHaveLength(2);
    expect(model.graph.initializers.has('w')).toBe(false);
    expect(sqnrDb(wanted.z!, (await runModel(model, s.feeds)).z!)).toBeGreaterThan(32);
  });

  test('a weight that a float node reads too stays beside its codes', async () => {
    const s = new SmallModel();
    const w = s.constant('w', [64, 32]);
    s.node('MatMul', [s.input('x', [4, 64]), w], 'y');
    s.node('ReduceSum', [w], 'total', { keepdims: 0 });
    const model = s.build(['y', 'total']);
    const { wanted } = await lowerSmall(model, s.feeds);
    expect(model.graph.initializers.has('w')).toBe(true);
    expect((await runModel(model, s.feeds)).total![0]).toBe(wanted.total![0]);
  });

  test('float readers of what is quantized for others read the float', async () => {
    const s = new SmallModel();
    const x = s.input('x', [4, 64]);
    s.node('MatMul', [x, s.constant('w', [64, 32])], 'y');
    s.node('Erf', [x], 'e');
    const model = s.build(['y', 'e']);
    const { wanted, result } = await lowerSmall(model, s.feeds);
    expect((await runModel(model, s.feeds)).e).toEqual(wanted.e);
    expect(Object.fromEntries(result.valueMap)).toEqual({ x: 'x_dequantized', y: 'y' });
  });

  test('what a subgraph captures keeps its name', async () => {
    const s = new SmallModel();
    s.node('Conv', [s.input('x', [1, 32, 8, 8]), s.constant('w', [64, 32, 1, 1])], 'y');
    const branch = (op: string) => {
      const inner = new SmallModel();
      inner.node(op, ['y'], `${op}_of_y`);
      inner.graph.outputs = [tensorInfo(`${op}_of_y`, 'float32')];
      return inner.graph;
    };
    s.graph.initializers.set('yes', {
      dtype: 'bool',
      dims: [],
      byteLength: 1,
      read: async () => Uint8Array.of(1),
    });
    s.node('If', ['yes'], 'z', { then_branch: branch('Sin'), else_branch: branch('Cos') });
    const model = s.build(['z']);
    const { wanted, result } = await lowerSmall(model, s.feeds);
    expect(result.notes).toContain('Nodes inside If, Loop and Scan stay float.');
    expect(sqnrDb(wanted.z!, (await runModel(model, s.feeds)).z!)).toBeGreaterThan(32);
  });
});

describe('Relu and Clip', () => {
  const clipped = (): [SmallModel, Model] => {
    const s = new SmallModel();
    const bounds = [s.constant('low', [], [0]), s.constant('high', [], [0.75])];
    s.node('Conv', [s.input('x', [1, 32, 8, 8]), s.constant('w', [32, 32, 1, 1])], 'y');
    s.node('Clip', ['y', ...bounds], 'c');
    s.node('Conv', ['c', s.constant('w2', [32, 32, 1, 1])], 'z');
    return [s, s.build(['z'])];
  };
  const chain = (kinds: string[]) => kinds.filter((k) => !k.endsWith('tizeLinear'));

  test('melt into the range', async () => {
    const [s, model] = clipped();
    await lowerSmall(model, s.feeds);
    expect(chain(await optimizedKinds(model))).toEqual(['QLinearConv', 'QLinearConv']);
  });

  test('cut codes where the range is wider than they are', async () => {
    const options: Partial<StaticOptions> = {
      activations: { ...defaultStaticOptions.activations, symmetric: true },
    };
    await bothForms(clipped, 30, options);
    const [s, model] = clipped();
    await lowerSmall(model, s.feeds, options);
    expect(chain(await optimizedKinds(model))).toEqual(['QLinearConv', 'Clip', 'QLinearConv']);
    await bothForms(clipped, 30, { activations: { ...options.activations!, format: 'int8' } });
  });

  test('cut codes that others read uncut', () =>
    bothForms(() => {
      const s = new SmallModel();
      s.node('Conv', [s.input('x', [1, 32, 8, 8]), s.constant('w', [32, 32, 1, 1])], 'y');
      s.node('Relu', ['y'], 'r');
      s.node('Conv', ['r', s.constant('w2', [32, 32, 1, 1])], 'z');
      s.node('Add', ['y', 'z'], 'sum');
      s.node('Conv', ['sum', s.constant('w3', [32, 32, 1, 1])], 'out');
      return [s, s.build(['out'])];
    }));
});

describe('kept float', () => {
  test('a layer that the filter keeps between integer ones is hidden from the runtime', async () => {
    const s = new SmallModel();
    s.node('Conv', [s.input('x', [1, 32, 8, 8]), s.constant('w', [32, 32, 1, 1])], 'a');
    s.node('Conv', ['a', s.constant('w2', [32, 32, 1, 1])], 'b');
    s.node('Relu', ['b'], 'r');
    s.node('Conv', ['r', s.constant('w3', [32, 32, 1, 1])], 'c');
    const model = s.build(['c']);
    const { plan } = await lowerSmall(model, s.feeds, {}, 'qdq', (n) => n.name !== 'b' || 'kept by --keep b');
    expect(plan.kept).toEqual([{ node: 'b', op: 'Conv', why: 'kept by --keep b' }]);
    const kinds = await optimizedKinds(model);
    expect(kinds.filter((k) => k === 'QLinearConv')).toHaveLength(2);
    // Its weight comes from no DequantizeLinear: two conversions of activations are all there is.
    expect(kinds.filter((k) => k === 'DequantizeLinear')).toHaveLength(2);
  });

  test('a maximum over masked values: the mask stays out of the range', async () => {
    const s = new SmallModel();
    const mask = s.constant(
      'mask',
      [1, 32, 8, 8],
      Array.from({ length: 2048 }, (_, i) => (i % 7 ? 0 : -1e9)),
    );
    s.node('Add', [s.input('x', [1, 32, 8, 8]), mask], 'masked');
    s.node('MaxPool', ['masked'], 'p', { kernel_shape: [2, 2], strides: [2, 2] });
    s.node('Conv', ['p', s.constant('w', [64, 32, 1, 1])], 'y');
    const model = s.build(['y']);
    const { wanted, plan } = await lowerSmall(model, s.feeds);
    expect(plan.ranges.map((r) => r.value)).toEqual(['p', 'y']);
    expect(sqnrDb(wanted.y!, (await runModel(model, s.feeds)).y!)).toBeGreaterThan(32);
  });

  test('reasons', async () => {
    const s = new SmallModel();
    const x = s.input('x', [1, 32, 8, 8]);
    const fed = s.constant('fed', [32, 32, 1, 1]);
    s.graph.inputs.push(tensorInfo('fed', 'float32', [32, 32, 1, 1]));
    s.node('Conv', [x, fed], 'a');
    s.node('Conv', [x, s.constant('dw', [32, 1, 3, 3])], 'b', { group: 32 });
    s.node('Conv', [x, s.constant('tiny', [1, 32, 1, 1])], 'c');
    s.node('MatMul', [x, x], 'd');
    s.node('ConvTranspose', [x, s.constant('up', [32, 8, 2, 2])], 'e');
    s.node('Softmax', [s.node('Conv', [x, s.constant('w', [64, 32, 1, 1])], 'f')], 'g');
    s.node('Add', ['f', s.constant('minus', [], [-1e9])], 'h');
    s.node('Conv', ['h', s.constant('w2', [64, 64, 1, 1])], 'i');
    const options: StaticOptions = { ...defaultStaticOptions, depthwise: 'float' };
    const { kept } = await planStatic(s.build(['a', 'b', 'c', 'd', 'e', 'g', 'i']), options);
    expect(kept.map((k) => `${k.op} ${k.node}: ${k.why}`)).toMatchInlineSnapshot(`
      [
        "Conv a: its weight 'fed' is also an input of the model, so it may change from run to run",
        "Conv b: depthwise layers are kept float",
        "Conv c: too small: conversions around it would take longer than its arithmetic saves",
        "MatMul d: its second operand 'x' is computed while running",
        "ConvTranspose e: ONNX Runtime has no integer kernel for it",
        "Softmax g: its integer kernel is slower than its float one, conversions included",
        "Add h: it masks with -1000000000, which would take the whole range",
      ]
    `);
  });
});

describe('16-bit activations', () => {
  const wide: Partial<StaticOptions> = {
    activations: { ...defaultStaticOptions.activations, format: 'uint16' },
  };
  const build = (): [SmallModel, Model] => {
    const s = new SmallModel();
    s.node('Conv', [s.input('x', [1, 32, 8, 8]), s.constant('w', [64, 32, 1, 1])], 'y');
    s.node('Relu', ['y'], 'r');
    return [s, s.build([s.node('Conv', ['r', s.constant('w2', [16, 64, 1, 1])], 'z')], 21)];
  };

  test('QDQ form runs, finer than 8 bits', async () => {
    const [s, model] = build();
    const { wanted, result } = await lowerSmall(model, s.feeds, wide);
    const fine = sqnrDb(wanted.z!, (await runModel(model, s.feeds)).z!);
    const [s8, model8] = build();
    const coarse = await lowerSmall(model8, s8.feeds);
    expect(fine).toBeGreaterThan(sqnrDb(coarse.wanted.z!, (await runModel(model8, s8.feeds)).z!));
    expect(result.notes).toMatchInlineSnapshot(`
      [
        "16-bit activations have no integer kernel in ONNX Runtime on a CPU: the model computes in float and saves only bytes.",
      ]
    `);
  });

  test('QOperator form is refused', async () => {
    const [s, model] = build();
    await expect(lowerSmall(model, s.feeds, wide, 'qoperator')).rejects.toThrowErrorMatchingInlineSnapshot(
      `[LowbitError: Form 'qoperator' has no operators for uint16 activations. Use the QDQ form, or 8-bit activations.]`,
    );
  });

  test('an older opset is refused', async () => {
    const [s, model] = build();
    model.opsets.set('', 17);
    await expect(lowerSmall(model, s.feeds, wide)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[LowbitError: The model speaks opset 17, but static quantization needs opset 21. Raise it first (raiseOpset).]`,
    );
  });
});

test('a missing range is named', async () => {
  const s = new SmallModel();
  s.node('Conv', [s.input('x', [1, 32, 8, 8]), s.constant('w', [64, 32, 1, 1])], 'y');
  const model = s.build(['y']);
  const plan = await planStatic(model, defaultStaticOptions);
  const ranges = new Map([['x', { min: -1, max: 1 }]]);
  await expect(
    applyStatic(model, plan, ranges, { quantizeWeight: nearest, form: 'qdq' }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[LowbitError: There is no range for value 'y', which the plan quantizes. Calibrate every value that plan.ranges names.]`,
  );
});

test('int8 activations', () =>
  bothForms(
    () => {
      const s = new SmallModel();
      s.node('Conv', [s.input('x', [1, 32, 8, 8]), s.constant('w', [32, 32, 1, 1])], 'y');
      s.node('MaxPool', ['y'], 'p', { kernel_shape: [2, 2] });
      s.node('Conv', ['p', s.constant('w2', [32, 32, 1, 1])], 'z');
      return [s, s.build(['z'])];
    },
    32,
    int8Activations,
  ));

test.each(forms)('%s form leaves no constant that nobody reads', async (form) => {
  const s = new SmallModel();
  const bounds = [s.constant('low', [], [0]), s.constant('high', [], [0.75])];
  s.node('Conv', [s.input('x', [1, 32, 8, 8]), s.constant('w', [64, 32, 1, 1]), s.constant('b', [64])], 'y');
  s.node('Clip', ['y', ...bounds], 'c');
  const { graph } = (await lowerSmall(s.build(['c']), s.feeds, {}, form)).model;
  expect([...graph.initializers.keys()].filter((name) => graph.consumers(name).size === 0)).toEqual([]);
});

test('records every byte of a weight', async () => {
  const s = new SmallModel();
  s.node('Conv', [s.input('x', [1, 32, 8, 8]), s.constant('w', [64, 32, 1, 1])], 'y');
  const model = s.build(['y']);
  const { result } = await lowerSmall(model, s.feeds);
  expect(result.quantized).toMatchInlineSnapshot(`
    [
      {
        "codeBytes": 2048,
        "floatBytes": 8192,
        "format": "int8",
        "granularity": "per-channel(0)",
        "name": "w",
        "node": "y",
        "op": "Conv",
        "scaleBytes": 256,
        "values": 2048,
        "zeroPointBytes": 64,
      },
    ]
  `);
  const { codes } = result.codes.get('y')!;
  expect(model.graph.producer(codes)?.op).toBe('QuantizeLinear');
  const stored = model.graph.constant('w_codes')!;
  expect(elementCount((await loadWeight(stored)).dims)).toBe(2048);
});
