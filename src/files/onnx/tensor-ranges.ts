import type { Message } from '@bufbuild/protobuf';
import { type DType, dtypes } from '../../tensor/index.ts';
import type { ByteSource } from '../bytes.ts';
import { dtypeOfNumber } from './data-types.ts';
import { type TensorProto, TensorProtoSchema } from './generated/onnx_pb.ts';
import { type ModelFile, readModelProto } from './read-model-proto.ts';

/** A run of bytes that holds elements of one tensor, little-endian and packed. */
export interface TensorRange {
  readonly tensor: string;
  readonly dtype: Exclude<DType, 'string'>;
  readonly dims: readonly number[];
  /** The file beside the model, as the model writes it; undefined for the model's own. */
  readonly location: string | undefined;
  readonly offset: number;
  readonly length: number;
}

const EXTERNAL = 1;

/**
 * Where the numbers of a model's tensors lie, subgraphs and attributes included: each that is one run of elements.
 * Tensors in other forms (varints, strings) are left out. Nothing is checked against the files' sizes.
 * @throws onnx/not-onnx, onnx/truncated, onnx/malformed, onnx/too-deep, onnx/too-many
 */
export async function onnxTensorRanges(source: ByteSource): Promise<TensorRange[]> {
  const file = await readModelProto(source);
  const ranges: TensorRange[] = [];
  const visit = (value: unknown) => {
    if (Array.isArray(value)) for (const one of value) visit(one);
    else if (isMessage(value)) {
      if (value.$typeName === TensorProtoSchema.typeName) {
        const range = rangeOf(file, value as TensorProto);
        if (range !== undefined) ranges.push(range);
      } else for (const inner of Object.values(value)) visit(inner);
    }
  };
  visit(file.proto);
  return ranges;
}

const isMessage = (value: unknown): value is Message =>
  typeof value === 'object' && value !== null && '$typeName' in value;

function rangeOf(file: ModelFile, tensor: TensorProto): TensorRange | undefined {
  const dtype = dtypeOfNumber(tensor.dataType);
  if (dtype === undefined || dtype === 'string') return undefined;
  const dims = tensor.dims.map(Number);
  const named = { tensor: tensor.name, dtype, dims };
  if (tensor.dataLocation === EXTERNAL) {
    const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
    const location = entries.get('location');
    const offset = Number(entries.get('offset') ?? 0);
    const values = dims.reduce((a, b) => a * b, 1);
    const length = Number(entries.get('length') ?? Math.ceil((values * dtypes[dtype].bits) / 8));
    if (location === undefined || !Number.isSafeInteger(offset) || !Number.isSafeInteger(length))
      return undefined;
    return { ...named, location, offset, length };
  }
  const segments = file.payloadOf(tensor)?.segments ?? [];
  const [first] = segments;
  const plain = first?.field === 'rawData' || first?.field === 'floatData' || first?.field === 'doubleData';
  if (first === undefined || segments.length > 1 || !first.packed || !plain) return undefined;
  return { ...named, location: undefined, offset: first.offset, length: first.length };
}
