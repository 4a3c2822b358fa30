import { type DescMessage, type MessageShape, toBinary } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProtoSchema,
  attributeTypes,
  type FunctionProto,
  type GraphProto,
  NodeDeviceConfigurationProtoSchema,
  type NodeProto,
  SparseTensorProtoSchema,
  TensorAnnotationSchema,
} from '../../files/onnx/index.ts';
import { fail } from '../../tensor/index.ts';
import type { Attribute } from '../attribute.ts';
import { Graph } from '../graph.ts';
import type { ModelFunction } from '../model.ts';
import { Node } from '../node.ts';
import { fromEntries } from './string-map.ts';
import type { TensorReader } from './tensor-reader.ts';
import { readType, readValueInfo } from './value-codec.ts';

/** Turns messages into graphs, nodes and attributes; everything ONNX has a place for is kept. */
export class GraphReader {
  readonly #file: string;
  readonly #tensors: TensorReader;

  constructor(file: string, tensors: TensorReader) {
    this.#file = file;
    this.#tensors = tensors;
  }

  async graph(proto: GraphProto): Promise<Graph> {
    const graph = new Graph(proto.name);
    graph.docString = proto.docString;
    graph.inputs = proto.input.map((v) => readValueInfo(v, this.#file));
    graph.outputs = proto.output.map((v) => readValueInfo(v, this.#file));
    for (const value of proto.valueInfo) graph.valueInfo.set(value.name, readValueInfo(value, this.#file));
    for (const [key, value] of fromEntries(proto.metadataProps)) graph.metadata.set(key, value);
    for (const tensor of proto.initializer) {
      if (tensor.name === '') this.#invalid(`graph '${proto.name}' has an initializer without a name`);
      if (graph.initializers.has(tensor.name)) {
        fail('onnx/duplicate-initializer', { file: this.#file, graph: proto.name, tensor: tensor.name });
      }
      graph.initializers.set(tensor.name, await this.#tensors.read(tensor));
    }
    for (const sparse of proto.sparseInitializer) {
      graph.opaque.push({
        field: 'sparseInitializer',
        proto: await this.encoded(SparseTensorProtoSchema, sparse),
      });
    }
    for (const annotation of proto.quantizationAnnotation) {
      const encoded = await this.encoded(TensorAnnotationSchema, annotation);
      graph.opaque.push({ field: 'quantizationAnnotation', proto: encoded });
    }
    for (const node of proto.node) graph.add(await this.#node(node));
    return graph;
  }

  async function(proto: FunctionProto): Promise<ModelFunction> {
    const nodes: Node[] = [];
    for (const node of proto.node) nodes.push(await this.#node(node));
    return {
      name: proto.name,
      domain: proto.domain,
      overload: proto.overload,
      inputs: proto.input,
      outputs: proto.output,
      attributes: proto.attribute,
      attributeDefaults: await this.#attributes(proto.attributeProto, `function '${proto.name}'`),
      nodes,
      opsets: new Map(proto.opsetImport.map((o) => [o.domain, Number(o.version)])),
      valueInfo: proto.valueInfo.map((v) => readValueInfo(v, this.#file)),
      docString: proto.docString,
      metadata: fromEntries(proto.metadataProps),
    };
  }

  /** A message that is carried through as bytes, with the data of its tensors inside. */
  async encoded<D extends DescMessage>(desc: D, message: MessageShape<D>): Promise<Uint8Array> {
    await this.#tensors.embed(message);
    return toBinary(desc, message);
  }

  async #node(proto: NodeProto): Promise<Node> {
    const label = `${proto.opType} '${proto.name || (proto.output[0] ?? '')}'`;
    if (proto.opType === '') this.#invalid(`node '${proto.name}' has no operator`);
    return new Node({
      op: proto.opType,
      domain: proto.domain,
      name: proto.name,
      inputs: proto.input,
      outputs: proto.output,
      docString: proto.docString,
      overload: proto.overload,
      metadata: fromEntries(proto.metadataProps),
      attributes: await this.#attributes(proto.attribute, label),
      opaque: proto.deviceConfigurations.map((d) => toBinary(NodeDeviceConfigurationProtoSchema, d)),
    });
  }

  async #attributes(protos: readonly AttributeProto[], node: string): Promise<Map<string, Attribute>> {
    const attributes = new Map<string, Attribute>();
    for (const proto of protos) {
      if (attributes.has(proto.name)) this.#badAttribute(node, proto, 'is given twice');
      attributes.set(proto.name, await this.#attribute(proto, node));
    }
    return attributes;
  }

  async #attribute(proto: AttributeProto, node: string): Promise<Attribute> {
    const type = proto.type === 0 ? typeByField(proto) : proto.type;
    if (proto.refAttrName !== '') return { type: 'reference', name: proto.refAttrName, attributeType: type };
    switch (type) {
      case attributeTypes.float:
        return { type: 'float', value: proto.f };
      case attributeTypes.int:
        return { type: 'int', value: proto.i };
      case attributeTypes.string: {
        const value = asText([proto.s]);
        if (value === undefined) break;
        return { type: 'string', value: value[0]! };
      }
      case attributeTypes.tensor:
        if (proto.t === undefined) return this.#badAttribute(node, proto, 'has no tensor');
        return { type: 'tensor', value: await this.#tensors.read(proto.t) };
      case attributeTypes.graph:
        if (proto.g === undefined) return this.#badAttribute(node, proto, 'has no graph');
        return { type: 'graph', value: await this.graph(proto.g) };
      case attributeTypes.floats:
        return { type: 'floats', value: proto.floats };
      case attributeTypes.ints:
        return { type: 'ints', value: proto.ints };
      case attributeTypes.strings: {
        const value = asText(proto.strings);
        if (value === undefined) break;
        return { type: 'strings', value };
      }
      case attributeTypes.tensors: {
        const value = [];
        for (const tensor of proto.tensors) value.push(await this.#tensors.read(tensor));
        return { type: 'tensors', value };
      }
      case attributeTypes.graphs: {
        const value = [];
        for (const graph of proto.graphs) value.push(await this.graph(graph));
        return { type: 'graphs', value };
      }
      case attributeTypes.type:
        if (proto.tp === undefined) return this.#badAttribute(node, proto, 'has no type');
        return {
          type: 'type',
          value: readType(proto.tp, this.#file, `Attribute '${proto.name}' of ${node}`),
        };
      case attributeTypes.types:
      case attributeTypes.sparseTensor:
      case attributeTypes.sparseTensors:
        break;
      default:
        return this.#badAttribute(node, proto, `has the unknown type ${type}`);
    }
    return { type: 'opaque', proto: await this.encoded(AttributeProtoSchema, proto) };
  }

  #badAttribute(node: string, proto: AttributeProto, what: string): never {
    return fail('onnx/attribute', { file: this.#file, node, attribute: proto.name, what });
  }

  #invalid(what: string): never {
    return fail('onnx/invalid', { file: this.#file, what });
  }
}

/** Files of IR version 1 name no type: the field that is there tells it. */
function typeByField(proto: AttributeProto): number {
  const t = attributeTypes;
  if (proto.floats.length > 0) return t.floats;
  if (proto.ints.length > 0) return t.ints;
  if (proto.strings.length > 0) return t.strings;
  if (proto.tensors.length > 0) return t.tensors;
  if (proto.graphs.length > 0) return t.graphs;
  if (proto.t !== undefined) return t.tensor;
  if (proto.g !== undefined) return t.graph;
  if (proto.s.length > 0) return t.string;
  if (proto.i !== 0n) return t.int;
  if (proto.f !== 0) return t.float;
  return 0;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The strings, or nothing when one of them is bytes and not text. */
function asText(values: readonly Uint8Array[]): string[] | undefined {
  try {
    return values.map((v) => utf8.decode(v));
  } catch {
    return undefined;
  }
}
