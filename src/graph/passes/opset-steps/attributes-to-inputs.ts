import { fromFloat32 } from '../../../numerics/index.ts';
import { float32, int64, tensor } from '../../../tensor/index.ts';
import type { Step, StepContext, StepTable } from './step.ts';

const floatDTypes = ['float16', 'bfloat16', 'float32', 'float64'] as const;

/** A scalar of the element type of input 0. */
function scalarLike(s: StepContext, what: string, value: number): string {
  const dtype = floatDTypes.find((d) => d === s.dtype(0));
  if (dtype === undefined) return s.refuse(`its element type ${s.dtype(0)} is no float`);
  return s.constant(what, fromFloat32(Float32Array.of(value), [], dtype));
}

const axesToInput: Step = (s) => s.integersToInput('axes', 1);

/** Bounds were attributes; absent ones are the ends of the type. */
const clip11: Step = (s) => {
  const [min, max] = [s.node.float('min'), s.node.float('max')];
  s.node.attributes.delete('min');
  s.node.attributes.delete('max');
  if (min !== undefined) s.graph.setInput(s.node, 1, scalarLike(s, 'min', min));
  if (max !== undefined) s.graph.setInput(s.node, 2, scalarLike(s, 'max', max));
};

const pad11: Step = (s) => {
  const value = s.node.float('value', 0);
  s.node.attributes.delete('value');
  if (!s.node.attributes.has('pads')) s.refuse('it has no pads');
  s.integersToInput('pads', 1);
  if (value !== 0) s.graph.setInput(s.node, 2, scalarLike(s, 'value', value));
};

const slice10: Step = (s) => {
  for (const [i, name] of ['starts', 'ends', 'axes'].entries()) s.integersToInput(name, i + 1);
  if (!s.has(1) || !s.has(2)) s.refuse('it has no starts or no ends');
};

const topK10: Step = (s) => {
  const k = s.node.int('k');
  if (k === undefined) return s.refuse('it has no k');
  s.node.attributes.delete('k');
  s.graph.setInput(s.node, 1, s.constant('k', int64([1], [k])));
};

/** The mask was of the type of the data and became bool. */
const dropout10: Step = (s) => {
  const mask = s.node.outputs[1] ?? '';
  if (mask !== '' && (s.graph.consumers(mask).size > 0 || s.graph.isOutput(mask)))
    s.refuse('its mask is used, which changed its type');
};

const dropout12: Step = (s) => {
  const ratio = s.node.float('ratio');
  s.node.attributes.delete('ratio');
  if (ratio !== undefined) s.graph.setInput(s.node, 1, s.constant('ratio', float32([], [ratio])));
};

/** Parts of equal size must be counted from here on. */
const split18: Step = (s) => {
  if (!s.has(1)) s.node.set('num_outputs', s.node.outputs.length);
};

/** The axis of the transform, and the second position in the list of inputs is the length. */
const dft20: Step = (s) => {
  const axis = s.node.int('axis', 1);
  s.node.attributes.delete('axis');
  s.graph.setInput(s.node, 2, s.constant('axis', tensor('int64', [], BigInt64Array.of(BigInt(axis)))));
};

const reductions18 = ['Max', 'Min', 'Mean', 'Prod', 'L1', 'L2', 'LogSum', 'LogSumExp', 'SumSquare'];

/** What was an attribute and became an input. */
export const attributesToInputs: StepTable = {
  Squeeze: { 13: axesToInput },
  Unsqueeze: { 13: axesToInput },
  ReduceSum: { 13: axesToInput },
  ...Object.fromEntries(reductions18.map((name) => [`Reduce${name}`, { 18: axesToInput }])),
  Split: { 13: (s) => s.integersToInput('split', 1), 18: split18 },
  Slice: { 10: slice10 },
  Clip: { 11: clip11 },
  Pad: { 11: pad11 },
  TopK: { 10: topK10 },
  Dropout: { 10: dropout10, 12: dropout12 },
  DFT: { 20: dft20 },
};
