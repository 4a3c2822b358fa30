import { clearField, isMessage } from '@bufbuild/protobuf';
import type { ByteSource, Siblings } from '../../files/index.ts';
import {
  dtypeOfNumber,
  type ModelFile,
  payloadBytes,
  rangeBytes,
  type TensorBytes,
  type TensorHead,
  type TensorProto,
  TensorProtoSchema,
} from '../../files/onnx/index.ts';
import { byteLengthOf, elementCount, fail, LowbitError } from '../../tensor/index.ts';
import type { StringTensor } from '../attribute.ts';
import type { Weight } from '../weight.ts';
import { fromEntries } from './string-map.ts';
import { noteTensor } from './tensor-notes.ts';

/** TensorProto.DataLocation.EXTERNAL. */
const EXTERNAL = 1;

/** Turns the tensors of one model file into lazy weights; external data files are opened once each. */
export class TensorReader {
  readonly #file: ModelFile;
  readonly #siblings: Siblings | undefined;
  readonly #external = new Map<string, ByteSource>();

  constructor(file: ModelFile, siblings: Siblings | undefined) {
    this.#file = file;
    this.#siblings = siblings;
  }

  get #name(): string {
    return this.#file.source.name;
  }

  /**
   * @throws onnx/data-type, onnx/dims, onnx/tensor-size, onnx/external-data, file/unsafe-location
   */
  async read(proto: TensorProto): Promise<Weight | StringTensor> {
    const dtype = dtypeOfNumber(proto.dataType);
    const where = `Tensor '${proto.name}'`;
    if (dtype === undefined) fail('onnx/data-type', { file: this.#name, where, got: proto.dataType });
    if (proto.segment !== undefined) {
      fail('onnx/invalid', { file: this.#name, what: `tensor '${proto.name}' is stored in segments` });
    }
    const dims = this.#dims(proto);
    const tensor: Weight | StringTensor =
      dtype === 'string'
        ? this.#strings(proto, dims)
        : { dtype, dims, ...(await this.#bytes(proto, { name: proto.name, dtype, dims })) };
    noteTensor(tensor, {
      name: proto.name,
      docString: proto.docString,
      metadata: fromEntries(proto.metadataProps),
    });
    return tensor;
  }

  /** Gives every tensor inside a message its data back, for parts that are carried through encoded. */
  async embed(message: object): Promise<void> {
    if (isMessage(message, TensorProtoSchema)) {
      const tensor = await this.read(message);
      delete message.$unknown;
      if (tensor.dtype === 'string') return;
      message.rawData = Uint8Array.from(await tensor.read());
      message.externalData = [];
      clearField(message, TensorProtoSchema.field.dataLocation);
      return;
    }
    for (const value of Object.values(message)) {
      if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) await this.embed(value);
    }
  }

  #dims(proto: TensorProto): number[] {
    const bad = (what: string): never =>
      fail('onnx/dims', { file: this.#name, tensor: proto.name, dims: proto.dims.join(', '), what });
    let count = 1n;
    for (const dim of proto.dims) {
      if (dim < 0n) bad(`${dim} is no size`);
      count *= dim;
      // Above it a byte count would not be exact; the file cannot be that large either.
      if (dim > ELEMENT_LIMIT || count > ELEMENT_LIMIT) bad('no file holds that many elements');
    }
    return proto.dims.map(Number);
  }

  #strings(proto: TensorProto, dims: number[]): StringTensor {
    const got = proto.stringData.length;
    const wanted = elementCount(dims);
    if (got !== wanted) {
      fail('onnx/tensor-size', { file: this.#name, tensor: proto.name, dtype: 'string', dims, got, wanted });
    }
    return { dtype: 'string', dims, data: proto.stringData };
  }

  #bytes(proto: TensorProto, head: TensorHead): TensorBytes | Promise<TensorBytes> {
    if (proto.dataLocation === EXTERNAL) return this.#externalBytes(proto, head);
    return payloadBytes(this.#file.source, this.#file.payloadOf(proto), head);
  }

  async #externalBytes(proto: TensorProto, head: TensorHead): Promise<TensorBytes> {
    const entries = fromEntries(proto.externalData);
    const location = entries.get('location') ?? '';
    const bad = (what: string): never =>
      fail('onnx/external-data', { file: this.#name, tensor: proto.name, location, what });
    const number = (key: string): number | undefined => {
      const text = entries.get(key);
      if (text === undefined) return undefined;
      const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
      return Number.isSafeInteger(value) ? value : bad(`its ${key} is '${text}'`);
    };
    const offset = number('offset') ?? 0;
    const wanted = byteLengthOf(head.dtype, elementCount(head.dims));
    const length = number('length') ?? wanted;
    if (length !== wanted) {
      const { name: tensor, dtype, dims } = head;
      fail('onnx/tensor-size', { file: this.#name, tensor, dtype, dims: [...dims], got: length, wanted });
    }
    const source = await this.#open(location, bad);
    if (offset + wanted > source.size) {
      bad(`${wanted} bytes at offset ${offset} reach past its ${source.size} bytes`);
    }
    return rangeBytes(source, offset, wanted);
  }

  async #open(location: string, bad: (what: string) => never): Promise<ByteSource> {
    const known = this.#external.get(location);
    if (known !== undefined) return known;
    if (this.#siblings === undefined) return bad('the model was opened alone, without its folder');
    const source = await this.#siblings.open(location).catch((error) => {
      if (error instanceof LowbitError && error.code === 'file/missing') return bad('there is no such file');
      throw error;
    });
    this.#external.set(location, source);
    return source;
  }
}

const ELEMENT_LIMIT = 2n ** 48n;
