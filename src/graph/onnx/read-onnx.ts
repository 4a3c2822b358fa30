import { fromBinary } from '@bufbuild/protobuf';
import type { ByteSource, Siblings } from '../../files/index.ts';
import {
  DeviceConfigurationProtoSchema,
  type ModelProto,
  readModelProto,
  SparseTensorProtoSchema,
  TrainingInfoProtoSchema,
} from '../../files/onnx/index.ts';
import { fail } from '../../tensor/index.ts';
import type { Graph } from '../graph.ts';
import { Model } from '../model.ts';
import { checkNodes, checkValues, Scope } from './check-values.ts';
import { GraphReader } from './graph-reader.ts';
import { fromEntries } from './string-map.ts';
import { TensorReader } from './tensor-reader.ts';

/** Versions of the ai.onnx operator set that lowbit and its runtime know. */
const OPSETS = { first: 7, last: 26 };
/** IR versions: 3 brought operator sets, 13 is of ONNX 1.23. */
const IR_VERSIONS = { first: 3, last: 13 };

/** A model file, and where its external data is looked up. */
export interface OnnxInput {
  readonly source: ByteSource;
  /** Where external data is looked up; without it, a model that has some is refused. */
  readonly siblings?: Siblings;
}

/**
 * Reads an ONNX model. Only its structure is loaded: weights are views of the file, embedded or external,
 * and are read when somebody asks for them, so `source` must stay open as long as the model is used.
 * @throws onnx/* for every way in which a file can be damaged or hostile; file/unsafe-location when
 * external data lies outside the model's folder.
 */
export async function readOnnx({ source, siblings }: OnnxInput): Promise<Model> {
  const file = await readModelProto(source);
  const { proto } = file;
  checkVersions(proto, source.name);
  const reader = new GraphReader(source.name, new TensorReader(file, siblings));
  const model = new Model(await reader.graph(proto.graph!));
  model.irVersion = Number(proto.irVersion);
  model.opsets.clear();
  for (const { domain, version } of proto.opsetImport) {
    model.opsets.set(domain === 'ai.onnx' ? '' : domain, Number(version));
  }
  model.producerName = proto.producerName;
  model.producerVersion = proto.producerVersion;
  model.domain = proto.domain;
  model.modelVersion = proto.modelVersion;
  model.docString = proto.docString;
  for (const [key, value] of fromEntries(proto.metadataProps)) model.metadata.set(key, value);
  for (const f of proto.functions) model.functions.push(await reader.function(f));
  for (const info of proto.trainingInfo) {
    model.opaque.push({ field: 'trainingInfo', proto: await reader.encoded(TrainingInfoProtoSchema, info) });
  }
  for (const device of proto.configuration) {
    const encoded = await reader.encoded(DeviceConfigurationProtoSchema, device);
    model.opaque.push({ field: 'configuration', proto: encoded });
  }
  check(model, source.name);
  return model;
}

function checkVersions(proto: ModelProto, file: string): void {
  const ir = Number(proto.irVersion);
  if (ir < IR_VERSIONS.first || ir > IR_VERSIONS.last) {
    const wanted = `${IR_VERSIONS.first} to ${IR_VERSIONS.last}`;
    fail('onnx/version', { file, what: 'IR version', got: String(ir), wanted });
  }
  if (proto.opsetImport.length === 0) fail('onnx/invalid', { file, what: 'it names no operator set' });
  for (const { domain, version } of proto.opsetImport) {
    if (domain !== '' && domain !== 'ai.onnx') continue;
    if (version < OPSETS.first || version > OPSETS.last) {
      const wanted = `${OPSETS.first} to ${OPSETS.last}`;
      fail('onnx/version', { file, what: 'operator set', got: String(version), wanted });
    }
  }
}

function check(model: Model, file: string): void {
  checkValues(model.graph, file, undefined, sparseNames);
  for (const f of model.functions) {
    const scope = new Scope();
    for (const input of f.inputs) scope.add(input);
    for (const node of f.nodes) for (const output of node.outputs) scope.add(output);
    checkNodes(f.nodes, f.name, file, scope, sparseNames);
  }
}

function sparseNames(graph: Graph): string[] {
  return graph.opaque
    .filter((o) => o.field === 'sparseInitializer')
    .map((o) => fromBinary(SparseTensorProtoSchema, o.proto).values?.name ?? '');
}
