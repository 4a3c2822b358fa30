import type { Dim } from '../../value.ts';
import { either, type Rule, type RuleTable, scalar } from './rule.ts';

/** If: the branch that is taken when that is known, else what both agree on. */
const branch: Rule = (c) => {
  const test = scalar(c.content(0));
  const taken = test === undefined ? undefined : c.node.attributes.get(test ? 'then_branch' : 'else_branch');
  const all = c.node.subgraphs().map((g) => c.subgraph(g, []));
  const results = taken?.type === 'graph' ? [c.subgraph(taken.value, [])] : all;
  return c.node.outputs.map((_, i) => results.map((r) => r[i] ?? {}).reduce(either));
};

/** Values carried round a loop keep their element type; their shape may change from turn to turn. */
const loop: Rule = (c) => {
  const body = c.node.subgraphs()[0];
  if (body === undefined) return [];
  const carried = c.node.inputs.length - 2;
  const kept = c.node.inputs.slice(2).map((_, i) => ({ dtype: c.input(i + 2).dtype }));
  const results = c.subgraph(body, [{ dtype: 'int64', shape: [] }, { dtype: 'bool', shape: [] }, ...kept]);
  return c.node.outputs.map((_, i) => {
    const t = results[i + 1] ?? {};
    if (i < carried) return either(t, c.input(i + 2));
    return { dtype: t.dtype, shape: t.shape && [undefined, ...t.shape] };
  });
};

/** Scan: states first, then slices along an axis; outputs get the sequence axis back. */
const scan: Rule = (c) => {
  const body = c.node.subgraphs()[0];
  if (body === undefined || c.opset < 9) return [];
  const scanned = c.node.int('num_scan_inputs', 0);
  const states = c.node.inputs.length - scanned;
  let length: Dim;
  const inputs = c.node.inputs.map((_, i) => {
    const { dtype, shape } = c.input(i);
    if (i < states) return { dtype };
    const given = c.node.ints('scan_input_axes')?.[i - states] ?? 0;
    const axis = shape && (given < 0 ? given + shape.length : given);
    if (shape === undefined || axis === undefined) return { dtype };
    length ??= shape[axis];
    return { dtype, shape: shape.toSpliced(axis, 1) };
  });
  const results = c.subgraph(body, inputs);
  return c.node.outputs.map((_, i) => {
    const { dtype, shape } = results[i] ?? {};
    if (i < states) return either({ dtype, shape }, c.input(i));
    const given = c.node.ints('scan_output_axes')?.[i - states] ?? 0;
    const axis = shape && (given < 0 ? given + shape.length + 1 : given);
    return { dtype, shape: axis === undefined ? undefined : shape?.toSpliced(axis, 0, length) };
  });
};

export const controlFlowRules: RuleTable = { If: branch, Loop: loop, Scan: scan };
