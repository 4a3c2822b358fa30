import type { Graph, Model, ValueInfo } from '../graph/index.ts';
import { elementCount } from '../tensor/index.ts';
import { readCard } from './quantized-summary.ts';
import type { FileRecord } from './record.ts';
import type { ModelSummary, PortSummary, TensorSummary } from './summary.ts';

const largestShown = 20;

/** Operators that only quantized models have, and what their presence means. */
const quantizedOperators: readonly { readonly pattern: RegExp; readonly meaning: string }[] = [
  { pattern: /(^|\.)(Quantize|Dequantize)Linear$/, meaning: 'QDQ' },
  { pattern: /(^|\.)(QLinear\w+|QGemm|QAttention|QEmbedLayerNormalization)$/, meaning: 'integer operators' },
  { pattern: /(^|\.)(DynamicQuantize\w+|MatMulInteger\w*|ConvInteger)$/, meaning: 'dynamic quantization' },
  { pattern: /(^|\.)(MatMulNBits|MatMulBnb4|GatherBlockQuantized)$/, meaning: 'weight-only blocks' },
  { pattern: /(^|\.)(Quant|BipolarQuant|Trunc)$/, meaning: 'QONNX' },
];

/** Element types of codes: floats have wider ones, indices and shapes are int32 and int64. */
const codeTypes = /^(u?int[248]|float8\w*|float4\w*)$/;

/** Weights of the model: by its card, or the elements of all its constants. */
export const parametersOf = (model: Model): number =>
  summarizeModel(model, { path: '', sizeBytes: 0 }).parameters;

/** Reads the structure of a model; no weight is loaded. */
export function summarizeModel(model: Model, file: FileRecord): ModelSummary {
  const operators = new Map<string, number>();
  const dtypes = new Map<string, { tensors: number; values: number; sizeBytes: number }>();
  const tensors: TensorSummary[] = [];
  const codes = new Map<string, number>();
  let nodes = 0;

  const count = (tensor: TensorSummary) => {
    tensors.push(tensor);
    const row = dtypes.get(tensor.dtype) ?? { tensors: 0, values: 0, sizeBytes: 0 };
    row.tensors++;
    row.values += elementCount(tensor.dims);
    row.sizeBytes += tensor.sizeBytes;
    dtypes.set(tensor.dtype, row);
  };
  const visit = (graph: Graph) => {
    for (const [name, weight] of graph.initializers) {
      const sizeBytes =
        weight.dtype === 'string' ? weight.data.reduce((sum, s) => sum + s.byteLength, 0) : weight.byteLength;
      count({ name, dtype: weight.dtype, dims: weight.dims, sizeBytes });
    }
    for (const node of graph.nodes) {
      nodes++;
      operators.set(node.kind, (operators.get(node.kind) ?? 0) + 1);
      const value = node.op === 'Constant' ? node.attributes.get('value') : undefined;
      if (value?.type === 'tensor' && value.value.dtype !== 'string') {
        const { dtype, dims, byteLength } = value.value as Exclude<typeof value.value, { dtype: 'string' }>;
        count({ name: node.outputs[0] ?? '', dtype, dims, sizeBytes: byteLength });
      }
      const stored = node.op === 'Cast' ? graph.initializers.get(node.inputs[0] ?? '')?.dtype : undefined;
      if (stored !== undefined && codeTypes.test(stored)) codes.set(stored, (codes.get(stored) ?? 0) + 1);
      for (const body of node.subgraphs()) visit(body);
    }
  };
  visit(model.graph);

  tensors.sort((a, b) => b.sizeBytes - a.sizeBytes);
  const quantized = readCard(model.metadata);
  return {
    schema: 1,
    container: 'onnx',
    file,
    producer: [model.producerName, model.producerVersion].filter((s) => s !== '').join(' '),
    irVersion: model.irVersion,
    opsets: Object.fromEntries(
      [...model.opsets].map(([domain, v]) => [domain === '' ? 'ai.onnx' : domain, v]),
    ),
    inputs: model.graph.inputs.filter((i) => !model.graph.initializers.has(i.name)).map(portOf),
    outputs: model.graph.outputs.map(portOf),
    nodes,
    operators: [...operators]
      .map(([op, count]) => ({ op, count }))
      .sort((a, b) => b.count - a.count || (a.op < b.op ? -1 : 1)),
    parameters: quantized?.parameters ?? tensors.reduce((sum, t) => sum + elementCount(t.dims), 0),
    weightBytes: tensors.reduce((sum, t) => sum + t.sizeBytes, 0),
    dtypes: [...dtypes].map(([dtype, row]) => ({ dtype, ...row })).sort((a, b) => b.sizeBytes - a.sizeBytes),
    largest: tensors.slice(0, largestShown),
    quantization: [...quantizationOf(operators), ...codesOf(codes)],
    ...(quantized && { quantized }),
    metadata: Object.fromEntries(model.metadata),
  };
}

/** 'QDQ: 40 QuantizeLinear, 60 DequantizeLinear'. */
function quantizationOf(operators: ReadonlyMap<string, number>): string[] {
  return quantizedOperators.flatMap(({ pattern, meaning }) => {
    const found = [...operators].filter(([op]) => pattern.test(op)).map(([op, count]) => `${count} ${op}`);
    return found.length === 0 ? [] : [`${meaning}: ${found.join(', ')}`];
  });
}

/** 'codes: Cast of 145 uint8, 1 int8 constants'. */
const codesOf = (codes: ReadonlyMap<string, number>): string[] =>
  codes.size === 0
    ? []
    : [`codes: Cast of ${[...codes].map(([dtype, count]) => `${count} ${dtype}`).join(', ')} constants`];

function portOf({ name, type }: ValueInfo): PortSummary {
  if (type?.kind !== 'tensor') return { name, dtype: type === undefined ? '?' : 'no tensor', shape: [] };
  return { name, dtype: type.dtype ?? '?', shape: (type.shape ?? []).map((d) => d ?? '?') };
}
