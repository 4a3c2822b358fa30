import type { Graph, Model, ValueInfo } from '../graph/index.ts';
import { elementCount } from '../tensor/index.ts';
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

/** Reads the structure of a model; no weight is loaded. */
export function summarizeModel(model: Model, file: FileRecord): ModelSummary {
  const operators = new Map<string, number>();
  const dtypes = new Map<string, { tensors: number; values: number; sizeBytes: number }>();
  const tensors: TensorSummary[] = [];
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
      for (const body of node.subgraphs()) visit(body);
    }
  };
  visit(model.graph);

  tensors.sort((a, b) => b.sizeBytes - a.sizeBytes);
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
    parameters: tensors.reduce((sum, t) => sum + elementCount(t.dims), 0),
    weightBytes: tensors.reduce((sum, t) => sum + t.sizeBytes, 0),
    dtypes: [...dtypes].map(([dtype, row]) => ({ dtype, ...row })).sort((a, b) => b.sizeBytes - a.sizeBytes),
    largest: tensors.slice(0, largestShown),
    quantization: quantizationOf(operators),
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

function portOf({ name, type }: ValueInfo): PortSummary {
  if (type?.kind !== 'tensor') return { name, dtype: type === undefined ? '?' : 'no tensor', shape: [] };
  return { name, dtype: type.dtype ?? '?', shape: (type.shape ?? []).map((d) => d ?? '?') };
}
