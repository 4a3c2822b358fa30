import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProtoSchema,
  attributeTypes,
  dataTypes,
  FunctionProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProtoSchema,
} from '../../files/onnx/index.ts';
import type { Attribute, StringTensor } from '../attribute.ts';
import type { Graph } from '../graph.ts';
import type { Model, ModelFunction } from '../model.ts';
import type { Node } from '../node.ts';
import type { Weight } from '../weight.ts';
import type { Placement } from './external-layout.ts';
import { Parts } from './parts.ts';
import { toEntries } from './string-map.ts';
import { notesOf } from './tensor-notes.ts';
import { writeType, writeValueInfo } from './value-codec.ts';

/** Field numbers of what is framed here; the rest of each message is encoded by the protobuf library. */
const fields = {
  model: { graph: 7, trainingInfo: 20, functions: 25, configuration: 26 },
  graph: { node: 1, initializer: 5, quantizationAnnotation: 14, sparseInitializer: 15 },
  function: { node: 7, attributeProto: 11 },
  node: { attribute: 5, deviceConfigurations: 10 },
  attribute: { t: 5, g: 6, tensors: 10, graphs: 11 },
  tensor: { rawData: 9 },
} as const;

/** TensorProto.DataLocation.EXTERNAL. */
const EXTERNAL = 1;

/**
 * Encodes a model in pieces, weights left to be read later. Those in `external` become references.
 * Nodes are written in execution order.
 * @throws graph/cycle
 */
export function encodeModel(model: Model, external: ReadonlyMap<Weight, Placement>): Parts {
  const encoder = new Encoder(external);
  const parts = new Parts().bytes(
    encode(ModelProtoSchema, {
      irVersion: BigInt(model.irVersion),
      opsetImport: opsets(model.opsets),
      ...texts({
        producerName: model.producerName,
        producerVersion: model.producerVersion,
        domain: model.domain,
        docString: model.docString,
      }),
      ...(model.modelVersion !== 0n && { modelVersion: model.modelVersion }),
      metadataProps: toEntries(model.metadata),
    }),
  );
  parts.field(fields.model.graph, encoder.graph(model.graph));
  for (const f of model.functions) parts.field(fields.model.functions, encoder.function(f));
  for (const { field, proto } of model.opaque) parts.field(fields.model[field], proto);
  return parts;
}

class Encoder {
  readonly #external: ReadonlyMap<Weight, Placement>;

  constructor(external: ReadonlyMap<Weight, Placement>) {
    this.#external = external;
  }

  graph(graph: Graph): Parts {
    const parts = new Parts();
    for (const node of graph.topologicalOrder()) parts.field(fields.graph.node, this.#node(node));
    parts.bytes(encode(GraphProtoSchema, texts({ name: graph.name })));
    for (const [name, tensor] of graph.initializers) {
      parts.field(fields.graph.initializer, this.#tensor(tensor, name));
    }
    parts.bytes(
      encode(GraphProtoSchema, {
        ...texts({ docString: graph.docString }),
        input: graph.inputs.map(writeValueInfo),
        output: graph.outputs.map(writeValueInfo),
        valueInfo: [...graph.valueInfo.values()].map(writeValueInfo),
        metadataProps: toEntries(graph.metadata),
      }),
    );
    for (const { field, proto } of graph.opaque) parts.field(fields.graph[field], proto);
    return parts;
  }

  function(f: ModelFunction): Parts {
    const parts = new Parts().bytes(
      encode(FunctionProtoSchema, {
        ...texts({ name: f.name, domain: f.domain, overload: f.overload, docString: f.docString }),
        input: [...f.inputs],
        output: [...f.outputs],
        attribute: [...f.attributes],
        opsetImport: opsets(f.opsets),
        valueInfo: f.valueInfo.map(writeValueInfo),
        metadataProps: toEntries(f.metadata),
      }),
    );
    for (const node of f.nodes) parts.field(fields.function.node, this.#node(node));
    for (const [name, value] of f.attributeDefaults) {
      parts.field(fields.function.attributeProto, this.#attribute(name, value));
    }
    return parts;
  }

  #node(node: Node): Parts {
    const parts = new Parts().bytes(
      encode(NodeProtoSchema, {
        input: [...node.inputs],
        output: [...node.outputs],
        ...texts({
          name: node.name,
          opType: node.op,
          domain: node.domain,
          overload: node.overload,
          docString: node.docString,
        }),
        metadataProps: toEntries(node.metadata),
      }),
    );
    for (const [name, value] of node.attributes) {
      parts.field(fields.node.attribute, this.#attribute(name, value));
    }
    for (const proto of node.opaque) parts.field(fields.node.deviceConfigurations, proto);
    return parts;
  }

  #attribute(name: string, a: Attribute): Parts {
    if (a.type === 'opaque') return new Parts().bytes(a.proto);
    const type = a.type === 'reference' ? a.attributeType : attributeTypes[a.type];
    const head = { ...texts({ name }), type };
    const attribute = (init: MessageInitShape<typeof AttributeProtoSchema>) =>
      new Parts().bytes(encode(AttributeProtoSchema, { ...head, ...init }));
    const numbers = fields.attribute;
    switch (a.type) {
      case 'float':
        return attribute({ f: a.value });
      case 'int':
        return attribute({ i: a.value });
      case 'string':
        return attribute({ s: utf8.encode(a.value) });
      case 'floats':
        return attribute({ floats: [...a.value] });
      case 'ints':
        return attribute({ ints: [...a.value] });
      case 'strings':
        return attribute({ strings: a.value.map((v) => utf8.encode(v)) });
      case 'type':
        return attribute({ tp: writeType(a.value) });
      case 'reference':
        return attribute({ refAttrName: a.name });
      case 'tensor':
        return attribute({}).field(numbers.t, this.#tensor(a.value));
      case 'graph':
        return attribute({}).field(numbers.g, this.graph(a.value));
      case 'tensors': {
        const parts = attribute({});
        for (const tensor of a.value) parts.field(numbers.tensors, this.#tensor(tensor));
        return parts;
      }
      case 'graphs': {
        const parts = attribute({});
        for (const graph of a.value) parts.field(numbers.graphs, this.graph(graph));
        return parts;
      }
    }
  }

  /** The numbers go into raw_data, whichever field they were read from. */
  #tensor(tensor: Weight | StringTensor, name?: string): Parts {
    const notes = notesOf(tensor);
    const placement = tensor.dtype === 'string' ? undefined : this.#external.get(tensor);
    const parts = new Parts().bytes(
      encode(TensorProtoSchema, {
        dims: tensor.dims.map(BigInt),
        dataType: dataTypes[tensor.dtype].number,
        ...texts({ name: name ?? notes?.name ?? '', docString: notes?.docString ?? '' }),
        ...(notes !== undefined && { metadataProps: toEntries(notes.metadata) }),
        ...(tensor.dtype === 'string' && { stringData: [...tensor.data] }),
        ...(placement !== undefined && {
          externalData: toEntries(entries(placement)),
          dataLocation: EXTERNAL,
        }),
      }),
    );
    if (tensor.dtype === 'string' || placement !== undefined) return parts;
    return parts.weight(fields.tensor.rawData, tensor);
  }
}

const utf8 = new TextEncoder();

function entries({ location, offset, length }: Placement): Map<string, string> {
  return new Map([
    ['location', location],
    ['offset', String(offset)],
    ['length', String(length)],
  ]);
}

function encode<D extends DescMessage>(desc: D, init: MessageInitShape<D>): Uint8Array {
  return toBinary(desc, create(desc, init));
}

/** Texts that say something: an empty one is not written. */
function texts<K extends string>(all: Record<K, string>): Partial<Record<K, string>> {
  return Object.fromEntries(Object.entries(all).filter(([, text]) => text !== '')) as Partial<
    Record<K, string>
  >;
}

function opsets(map: ReadonlyMap<string, number>) {
  return [...map].map(([domain, version]) => ({ ...texts({ domain }), version: BigInt(version) }));
}
