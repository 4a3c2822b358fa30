import { elementCount } from '../../../tensor/index.ts';
import { lazyWeight } from '../../weight.ts';
import { isUnused } from '../bypass.ts';
import type { Step, StepTable } from './step.ts';

/**
 * Softmax and its like saw their input as a matrix split before `axis` (1 where it is not said), and see one
 * axis from 13 on. The same where all later axes have size 1; else the matrix is made by hand.
 */
const oneAxis13: Step = (s) => {
  const axis = s.node.int('axis', 1);
  const [x, y] = [s.node.inputs[0]!, s.node.outputs[0]!];
  const shape = s.shape(x);
  const later = shape?.slice((axis < 0 ? axis + shape.length : axis) + 1);
  if (later?.every((d) => d === 1)) {
    s.node.set('axis', axis);
    return;
  }
  const [flat, result, dims] = [s.fresh('matrix'), s.fresh('rows'), s.fresh('shape')];
  const { op, name } = s.node;
  s.replaceBy(
    { op: 'Flatten', inputs: [x], outputs: [flat], attributes: { axis } },
    { op, name, inputs: [flat], outputs: [result], attributes: { axis: -1 } },
    { op: 'Shape', inputs: [x], outputs: [dims] },
    { op: 'Reshape', inputs: [result, dims], outputs: [y] },
  );
};

const batchNorm9: Step = (s) => {
  if (s.node.int('spatial', 1) === 0) s.refuse('its statistics are per element (spatial = 0)');
  s.node.attributes.delete('spatial');
};

/** The outputs of training changed; a model that does not use them is at inference. */
const batchNorm14: Step = (s) => {
  if (s.node.outputs.length === 1) return;
  if (!s.node.outputs.slice(1).every((o) => isUnused(s.graph, o))) s.refuse('its training outputs are used');
  const { op, name, docString, metadata, attributes, inputs, outputs } = s.node;
  s.replaceBy({ op, name, docString, metadata, attributes, inputs, outputs: outputs.slice(0, 1) });
};

/** Regions were not moved by half a pixel. */
const roiAlign16: Step = (s) => {
  s.node.set('coordinate_transformation_mode', 'output_half_pixel');
};

const gridModes: Readonly<Record<string, string>> = { bilinear: 'linear', bicubic: 'cubic' };

const gridSample20: Step = (s) => {
  const mode = s.node.string('mode', 'bilinear');
  s.node.set('mode', gridModes[mode] ?? mode);
};

/** Scale and bias were per group and became per channel. */
const groupNorm21: Step = (s) => {
  const channels = s.shape(s.node.inputs[0])?.[1];
  const groups = s.node.int('num_groups');
  if (typeof channels !== 'number' || groups === undefined)
    return s.refuse('its number of channels is unknown');
  for (const [input, what] of [
    [1, 'scale'],
    [2, 'bias'],
  ] as const) {
    const perGroup = s.weight(input);
    if (perGroup === undefined) return s.refuse(`its ${what} is no constant`);
    if (elementCount(perGroup.dims) !== groups || channels % groups !== 0)
      s.refuse(`its ${what} does not have one number per group`);
    const size = perGroup.byteLength / groups;
    const repeated = lazyWeight(perGroup.dtype, [channels], async () => {
      const bytes = await perGroup.read();
      const result = new Uint8Array(size * channels);
      for (let c = 0; c < channels; c++) {
        const group = Math.floor(c / (channels / groups));
        result.set(bytes.subarray(group * size, (group + 1) * size), c * size);
      }
      return result;
    });
    s.graph.setInput(s.node, input, s.graph.addConstant(`${s.node.outputs[0]}/${what}`, repeated));
  }
};

const scatter11: Step = (s) => {
  s.node.op = 'ScatterElements';
};

const scan9: Step = (s) => s.refuse('Scan before version 9 had a batch axis');

/** Experimental operators that no later version has. */
const removed10 = [
  ...['ATen', 'Affine', 'ConstantFill', 'Crop', 'DynamicSlice', 'GRUUnit', 'GivenTensorFill'],
  ...['ImageScaler', 'ParametricSoftplus', 'Scale', 'ScaledTanh'],
];

/** What kept its form and changed its meaning, or its name. */
export const semanticSteps: StepTable = {
  Softmax: { 13: oneAxis13 },
  LogSoftmax: { 13: oneAxis13 },
  Hardmax: { 13: oneAxis13 },
  BatchNormalization: { 9: batchNorm9, 14: batchNorm14 },
  RoiAlign: { 16: roiAlign16 },
  GridSample: { 20: gridSample20 },
  GroupNormalization: { 21: groupNorm21 },
  Scatter: { 11: scatter11 },
  Scan: { 9: scan9 },
  ...Object.fromEntries(
    removed10.map((op) => [op, { 10: ((s) => s.refuse('version 10 has no such operator')) as Step }]),
  ),
};
