import { type Granularity, perBlock, perChannel, perTensor } from '../../numerics/index.ts';
import {
  type CheckpointLayout,
  type CheckpointPart,
  type WeightToStore,
  withBytes,
} from './checkpoint-layout.ts';

/** Sides of a block of values that share a scale. */
export const FLOAT8_BLOCK = 128;

interface Row {
  readonly granularity: Granularity;
  /** What is added to the name of the weight. */
  readonly ending: string;
  readonly shape: (rows: number, columns: number) => readonly number[];
}

/** 8-bit floats (E4M3, largest value 448) with float32 scales: real = value * scale. */
const float8Layout = ({ granularity, ending, shape }: Row): CheckpointLayout => {
  const plan = ({ name, dims }: WeightToStore): CheckpointPart[] => [
    { name, type: 'float8e4m3fn', shape: dims },
    { name: name + ending, type: 'float32', shape: shape(dims[0]!, dims[1]!) },
  ];
  return {
    scheme: (dims) => ({ dims, scheme: { format: 'e4m3fn', granularity, symmetric: true } }),
    plan,
    store: (weight, _values, { base }) => withBytes(plan(weight), [base.codes, base.scale]),
  };
};

const blocks = (size: number) => Math.ceil(size / FLOAT8_BLOCK);

export const float8Layouts = {
  /** compressed-tensors, strategy `tensor`. */
  tensor: float8Layout({ granularity: perTensor, ending: '_scale', shape: () => [1] }),
  /** compressed-tensors, strategy `channel`: a scale per output. */
  channel: float8Layout({ granularity: perChannel(0), ending: '_scale', shape: (rows) => [rows, 1] }),
  /** DeepSeek V3 and the fine-grained FP8 of transformers. */
  block: float8Layout({
    granularity: perBlock(FLOAT8_BLOCK, FLOAT8_BLOCK),
    ending: '_scale_inv',
    shape: (rows, columns) => [blocks(rows), blocks(columns)],
  }),
} as const;
