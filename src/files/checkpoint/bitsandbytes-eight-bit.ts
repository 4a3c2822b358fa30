import { largestMagnitudes, perChannel } from '../../numerics/index.ts';
import {
  type CheckpointLayout,
  type CheckpointPart,
  type WeightToStore,
  withBytes,
} from './checkpoint-layout.ts';

/** `x.weight` has its scales in `x.SCB`, and how it lies in `x.weight_format`: 0, row after row. */
export const eightBitNames = {
  scale: (weight: string) => weight.replace(/weight$/, 'SCB'),
  format: (weight: string) => `${weight}_format`,
} as const;

/**
 * 8-bit weights as bitsandbytes serializes them (`Linear8bitLt`): codes -127..127, and the largest magnitude of each
 * row, for which 127 stands. (Dettmers et al. 2022, LLM.int8, arXiv 2208.07339, section 2.)
 */
export const eightBitLayout: CheckpointLayout = {
  scheme: (dims) => ({
    dims,
    scheme: { format: 'int8', granularity: perChannel(0), symmetric: true, restricted: true },
  }),
  plan,
  store: (weight, values, { base }) =>
    withBytes(plan(weight), [base.codes, largestMagnitudes(values, weight.dims[1]!), new Uint8Array(1)]),
};

function plan({ name, dims }: WeightToStore): CheckpointPart[] {
  return [
    { name, type: 'int8', shape: dims },
    { name: eightBitNames.scale(name), type: 'float32', shape: [dims[0]!] },
    { name: eightBitNames.format(name), type: 'uint8', shape: [] },
  ];
}
