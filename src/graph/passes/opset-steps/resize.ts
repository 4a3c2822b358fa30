import { float32 } from '../../../tensor/index.ts';
import { numbersOf } from '../constant.ts';
import type { Step, StepTable } from './step.ts';

/** Scales became an input. */
const upsample9: Step = (s) => {
  const scales = s.node.attributes.get('scales');
  if (scales?.type !== 'floats') return s.refuse('it has no scales');
  s.node.attributes.delete('scales');
  s.graph.setInput(s.node, 1, s.constant('scales', float32([scales.value.length], scales.value)));
};

/** Resize took the place of Upsample. */
const upsample10: Step = (s) => {
  s.node.op = 'Resize';
};

/**
 * Coordinates got a mode: before, a position was divided by the scale. Which neighbour is the nearest was
 * not said; ONNX Runtime takes the one below when it enlarges and the one above when it shrinks.
 */
const resize11: Step = async (s) => {
  const [x, scales] = [s.node.inputs[0]!, s.node.inputs[1] ?? ''];
  const weight = s.weight(1);
  const shrinks = weight !== undefined && (await numbersOf(weight)).some((scale) => scale < 1);
  s.graph.setInputs(s.node, [x, s.constant('roi', float32([0], [])), scales]);
  s.node.set('coordinate_transformation_mode', 'asymmetric');
  if (s.node.string('mode', 'nearest') === 'nearest') s.node.set('nearest_mode', shrinks ? 'ceil' : 'floor');
};

/** Empty tensors stood for omitted inputs. */
const resize13: Step = (s) => {
  for (const input of [1, 2]) {
    if (!s.has(input) || s.weight(input)?.dims.includes(0) !== true) continue;
    if (input === 1 && s.node.string('coordinate_transformation_mode') === 'tf_crop_and_resize') continue;
    s.graph.setInput(s.node, input, '');
  }
};

export const resizeSteps: StepTable = {
  Upsample: { 9: upsample9, 10: upsample10 },
  Resize: { 11: resize11, 13: resize13 },
};
