import {
  type Codes,
  type DoubleQuantization,
  formats,
  largestMagnitudes,
  type NumberFormat,
  perGroup,
} from '../../numerics/index.ts';
import { elementCount } from '../../tensor/index.ts';
import {
  type CheckpointLayout,
  type CheckpointPart,
  type WeightToStore,
  withBytes,
} from './checkpoint-layout.ts';
import { type FourBitState, fourBitNames, fourBitStateBytes } from './four-bit-state.ts';

/** Values that share a scale, and scales that share one: what transformers asks bitsandbytes for. */
const BLOCK = 64;
const NESTED_BLOCK = 256;
const double: DoubleQuantization = { format: 'dynamic8', block: NESTED_BLOCK, removeMean: true };

/**
 * 4-bit weights as bitsandbytes serializes them (`QuantState.as_dict(packed=True)`, versions 0.41 to 0.50): codes of
 * the flat tensor, two in a byte, the first in the high half, [bytes, 1]; the largest magnitude of every 64 values
 * (float32, or 8-bit codes with scales and an offset of their own); the tables of levels; and a description.
 */
export function fourBitLayout(kind: 'nf4' | 'fp4', nested: boolean): CheckpointLayout {
  const format: NumberFormat = formats[kind];
  const plan = (weight: WeightToStore, offset = 0) => partsOf(weight, stateOf(kind, weight, nested, offset));
  return {
    scheme: (dims) => ({
      dims: [elementCount(dims)],
      scheme: { format: kind, granularity: perGroup(0, BLOCK), symmetric: true, ...(nested && { double }) },
    }),
    plan,
    store(weight, values, { base, scales }) {
      const offset = scales?.mean ?? 0;
      const state = fourBitStateBytes(stateOf(kind, weight, nested, offset));
      const codes = packed(base.codes, format.table!().indexOf(0));
      const levels = format.table!();
      const data = scales
        ? [codes, scales.codes.codes, scales.codes.scale, formats.dynamic8.table!(), levels, state]
        : [codes, largestMagnitudes(values, BLOCK), levels, state];
      return withBytes(plan(weight, offset), data);
    },
  };
}

const stateOf = (
  kind: 'nf4' | 'fp4',
  { dims, dtype }: WeightToStore,
  nested: boolean,
  offset: number,
): FourBitState => ({
  kind,
  blockSize: BLOCK,
  dtype,
  shape: dims,
  ...(nested && { nested: { blockSize: NESTED_BLOCK, offset } }),
});

function partsOf({ name, dims }: WeightToStore, state: FourBitState): CheckpointPart[] {
  const count = elementCount(dims);
  const blocks = Math.ceil(count / BLOCK);
  const { absmax, map, nestedAbsmax, nestedMap, state: stateName } = fourBitNames;
  const vector = (ending: string, type: 'uint8' | 'float32', length: number): CheckpointPart => ({
    name: name + ending,
    type,
    shape: [length],
  });
  return [
    { name, type: 'uint8', shape: [Math.ceil(count / 2), 1] },
    ...(state.nested
      ? [
          vector(absmax, 'uint8', blocks),
          vector(nestedAbsmax, 'float32', Math.ceil(blocks / NESTED_BLOCK)),
          vector(nestedMap, 'float32', 256),
        ]
      : [vector(absmax, 'float32', blocks)]),
    vector(map, 'float32', 16),
    vector(stateName(state.kind), 'uint8', fourBitStateBytes(state).length),
  ];
}

/** Two codes in a byte, the first in the high half; a missing last one is that of 0. */
function packed(codes: Codes, zero: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(codes.length / 2));
  for (let i = 0; i < bytes.length; i++) bytes[i] = (codes[2 * i]! << 4) | (codes[2 * i + 1] ?? zero);
  return bytes;
}
