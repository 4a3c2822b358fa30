import { describe, expect, test } from 'vitest';
import { quantizeTensor, toFloat32 } from '../../../numerics/index.ts';
import { elementCount } from '../../../tensor/index.ts';
import { loadWeight } from '../../weight.ts';
import type { WeightQuantizer } from '../lowering.ts';
import { applyStatic } from './apply.ts';
import { clampBounds } from './clamp.ts';
import { buildOneOperator, noise, oneOperator } from './one-operator-models.test-data.ts';
import { operators } from './operators.ts';
import { defaultStaticOptions } from './options.ts';
import type { PlannedNode, StaticPlan } from './plan.ts';
import type { QuantizableOperator } from './quantizable-operator.ts';
import { optimizedKinds, runModel, sqnrDb } from './run-model.test-data.ts';
import { readScalars } from './scalars.ts';
import { groupValues } from './scale-groups.ts';

/**
 * The table against ONNX Runtime: each operator alone between codes, lowered, loaded, and the graph that the
 * runtime made of it read back. The kernels are those of x64 builds.
 */
const names = Object.keys(operators) as (keyof typeof operators)[];
const row = (op: keyof typeof operators): QuantizableOperator => operators[op];

const nearest: WeightQuantizer = async ({ weight, scheme, name }) =>
  quantizeTensor(toFloat32(await loadWeight(weight)), weight.dims, scheme, { name });

/** A plan that quantizes the one node, whatever the planner would say. */
async function forcedPlan(op: keyof typeof operators, format: 'uint8' | 'int8'): Promise<StaticPlan> {
  const model = buildOneOperator(op, oneOperator[op]);
  const { graph } = model;
  const node = graph.producer('y0')!;
  const own = row(op);
  const planned: PlannedNode = {
    row:
      own.role === 'none'
        ? { ...own, role: 'follower', inputs: model.graph.inputs.map(() => 'activation') }
        : own,
    floatOutput: false,
    outputs: op === 'TopK' ? ['y0'] : node.outputs.filter((o) => o !== ''),
    ...(own.role === 'clamp' && { bounds: clampBounds(node, await readScalars(graph)) }),
  };
  const nodes = new Map([['y0', planned]]);
  const options = { ...defaultStaticOptions, activations: { ...defaultStaticOptions.activations, format } };
  return { options, nodes, groups: groupValues(graph, nodes), ranges: [], kept: [], notes: [] };
}

async function lowerOne(op: keyof typeof operators, format: 'uint8' | 'int8', form: 'qdq' | 'qoperator') {
  const spec = oneOperator[op];
  const model = buildOneOperator(op, spec);
  const feeds = Object.fromEntries(
    model.graph.inputs.map(({ name, type }, i) => {
      const dims = (type?.kind === 'tensor' ? type.shape : []) as number[];
      const data = noise(elementCount(dims), 1, i + 1);
      return [name, { dims, data: op === 'Sqrt' ? data.map(Math.abs) : data }];
    }),
  );
  const wanted = await runModel(model, feeds);
  const plan = await forcedPlan(op, format);
  const ranges = new Map<string, { min: number; max: number }>();
  for (const group of plan.groups) {
    for (const value of group.sources) {
      const data = feeds[value]?.data ?? wanted[value]!;
      ranges.set(value, {
        min: data.reduce((a, b) => Math.min(a, b)),
        max: data.reduce((a, b) => Math.max(a, b)),
      });
    }
  }
  await applyStatic(model, plan, ranges, { quantizeWeight: nearest, form });
  return { model, feeds, wanted };
}

const isInteger = (kind: string) => /QLinear|QGemm|MatMulInteger|ConvInteger/.test(kind);

describe.skipIf(process.arch !== 'x64')('kernels in ONNX Runtime (x64 only)', () => {
  describe.each(['uint8', 'int8'] as const)('%s activations', (format) => {
    test.each(names)('%s', async (op) => {
      const { model } = await lowerOne(op, format, 'qdq');
      const kinds = await optimizedKinds(model);
      const kernel = row(op).kernel[format];
      if (kernel === undefined) {
        // It runs in float, so codes become reals before it, and nothing integer replaces it.
        expect(kinds.filter(isInteger)).toEqual([]);
        expect(kinds).toContain('DequantizeLinear');
        expect(kinds.indexOf('QuantizeLinear')).toBeLessThan(kinds.lastIndexOf('DequantizeLinear'));
        return;
      }
      // Codes in, the kernel, reals out: nothing else, and no float operator beside it.
      const conversions = ['QuantizeLinear', 'DequantizeLinear'];
      expect(kinds.filter((k) => !conversions.includes(k))).toEqual([kernel]);
      const outputs = oneOperator[op].outputs ?? 1;
      expect(kinds.filter((k) => k === 'DequantizeLinear')).toHaveLength(outputs);
    });
  });

  test.each(names.filter((op) => row(op).floatOutput))('%s with float output', async (op) => {
    const model = buildOneOperator(op, oneOperator[op]);
    const plan = await forcedPlan(op, 'uint8');
    const nodes = new Map([['y0', { ...plan.nodes.get('y0')!, floatOutput: true }]]);
    const floats = { ...plan, nodes, groups: groupValues(model.graph, nodes) };
    await applyStatic(model, floats, new Map([['x0', { min: -1, max: 1 }]]), {
      quantizeWeight: nearest,
      form: 'qdq',
    });
    expect(await optimizedKinds(model)).toEqual(['QuantizeLinear', row(op).floatOutput]);
  });

  test('a float layer between codes stays float', async () => {
    const { model } = await lowerOne('ConvTranspose', 'uint8', 'qdq');
    expect(await optimizedKinds(model)).toContain('ConvTranspose');
  });
});

describe('values', () => {
  const integer = names.filter((op) => row(op).role !== 'none');
  /** 8 bits of a full range leave about 40 dB; an operator of two rounded operands loses a few. */
  const LEAST_DB = 32;
  test.each(integer)('%s: both forms, both formats, near float', async (op) => {
    for (const format of ['uint8', 'int8'] as const) {
      const qdq = await lowerOne(op, format, 'qdq');
      const fused = await runModel(qdq.model, qdq.feeds);
      const simulated = await runModel(qdq.model, qdq.feeds, { graphOptimizationLevel: 'disabled' });
      const qoperator = await lowerOne(op, format, 'qoperator');
      const integers = await runModel(qoperator.model, qoperator.feeds);
      for (const name of Object.keys(qdq.wanted)) {
        const found = { fused, simulated, integers };
        for (const [form, outputs] of Object.entries(found)) {
          const db = sqnrDb(qdq.wanted[name]!, outputs[name]!);
          expect(db, `${op} ${format} ${form} ${name}`).toBeGreaterThan(LEAST_DB);
        }
      }
    }
  });
});
