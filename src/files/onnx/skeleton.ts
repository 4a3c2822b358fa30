import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { type ErrorDetails, fail, LowbitError } from '../../tensor/index.ts';
import type { ByteSource } from '../bytes.ts';
import { ByteBuilder } from './byte-builder.ts';
import { ModelProtoSchema, NodeProtoSchema, TensorProtoSchema } from './generated/onnx_pb.ts';
import type { Payload, Segment } from './payload.ts';
import { tag, varint, wireTypes } from './wire.ts';
import { WireReader } from './wire-reader.ts';

/**
 * Reads the structure of a model and leaves the numbers of its tensors where they are. The result is a
 * valid ModelProto whose tensors carry, instead of data, the index of a payload: where in the file it is.
 * Every tag, length and depth is checked against the file before memory is taken for what it announces.
 */
export interface Skeleton {
  readonly proto: Uint8Array;
  readonly payloads: readonly Payload[];
}

/** The field of TensorProto, unused by ONNX, in which a skeleton's tensor holds its payload's index. */
export const PAYLOAD_FIELD = 536_870_911;

const GRAPH_FIELD = ModelProtoSchema.field.graph.number;

/** Messages may nest this deep, as in other protobuf readers; a subgraph takes three levels. */
const DEPTH_LIMIT = 100;
/** Structure without tensor data; real models stay below 100 MB. */
const STRUCTURE_LIMIT_BYTES = 512 * 2 ** 20;
/** Ceilings on what costs far more memory than its bytes in the file. */
const MESSAGE_LIMIT = 2 ** 22;
const NODE_LIMIT = 2 ** 20;
const LIST_LIMIT_BYTES = 2 ** 26;

/** Payloads up to this size are kept when they pass by, all together up to the budget. */
const INLINE_BYTES = 4096;
const INLINE_BUDGET_BYTES = 16 * 2 ** 20;

/** Fields of TensorProto that are data, and the wire type of one unpacked element. */
const dataFields: ReadonlyMap<number, Segment['field']> = new Map([
  [4, 'floatData'],
  [5, 'int32Data'],
  [7, 'int64Data'],
  [9, 'rawData'],
  [10, 'doubleData'],
  [11, 'uint64Data'],
]);

/**
 * @throws onnx/not-onnx, onnx/truncated, onnx/malformed, onnx/too-deep, onnx/too-many
 */
export async function readSkeleton(source: ByteSource): Promise<Skeleton> {
  if (source.size === 0) fail('onnx/not-onnx', { file: source.name, why: 'it is empty' });
  const walker = new Walker(source);
  try {
    await walker.message(ModelProtoSchema, source.size, 1);
  } catch (error) {
    if (walker.sawGraph || !(error instanceof LowbitError) || error.code !== 'onnx/malformed') throw error;
    const { offset, what } = error.details as ErrorDetails['onnx/malformed'];
    fail(
      'onnx/not-onnx',
      { file: source.name, why: `no graph comes before byte ${offset}, where ${what}` },
      error,
    );
  }
  return { proto: walker.out.finish(), payloads: walker.payloads };
}

class Walker {
  readonly out = new ByteBuilder();
  readonly payloads: Payload[] = [];
  /** Whether this looks like a model: damage before its graph means that it is something else. */
  sawGraph = false;
  readonly #reader: WireReader;
  #messages = 0;
  #nodes = 0;
  #listBytes = 0;
  #inlineBytes = 0;

  constructor(source: ByteSource) {
    this.#reader = new WireReader(source);
  }

  async message(desc: DescMessage, end: number, depth: number): Promise<void> {
    const reader = this.#reader;
    if (depth > DEPTH_LIMIT) fail('onnx/too-deep', { file: this.#file, limit: DEPTH_LIMIT });
    this.#count(desc);
    const fields = fieldsOf(desc);
    const segments: Segment[] | undefined = desc === TensorProtoSchema ? [] : undefined;
    while (reader.position < end) {
      const start = reader.position;
      if (!reader.has(TAG_AND_LENGTH)) await reader.fill(TAG_AND_LENGTH);
      const key = reader.varint(end, 'a field tag');
      const isShortTag = reader.position === start + 1;
      const number = Math.floor(key / 8);
      const wireType = key % 8;
      if (desc === ModelProtoSchema && number === GRAPH_FIELD && wireType === wireTypes.bytes)
        this.sawGraph = true;
      const field = fields.get(number);
      if (number === 0 || number > PAYLOAD_FIELD) this.#bad(start, `field number ${number} does not exist`);
      if (field !== undefined && !field.wireTypes.includes(wireType)) {
        this.#bad(start, `field '${field.name}' of ${desc.name} has wire type ${wireType}`);
      }
      const dataStart = this.#value(wireType, end, start, desc);
      const stop = reader.position;
      const data = segments === undefined ? undefined : dataFields.get(number);
      if (segments !== undefined && data !== undefined) {
        const packed = wireType === wireTypes.bytes;
        if (!packed && !isShortTag) this.#bad(start, `a tag of ${desc.name} is longer than it needs to be`);
        this.#addSegment(segments, { field: data, offset: packed ? dataStart : start, end: stop, packed });
      } else if (segments !== undefined && number === PAYLOAD_FIELD) {
        // Ours alone: a file cannot point at payloads.
      } else if (field?.message !== undefined) {
        this.out.append(tag(number, wireTypes.bytes));
        const length = this.out.open();
        reader.position = dataStart;
        await this.message(field.message, stop, depth + 1);
        this.out.close(length);
      } else {
        if (field?.list === true && wireType === wireTypes.bytes) this.#countList(stop - dataStart);
        this.#checkSize(stop - start);
        this.out.append(await reader.bytes(start, stop));
      }
    }
    if (segments !== undefined && segments.length > 0) await this.#addPayload(segments);
  }

  /** Checks and skips one value; gives where its content starts. */
  #value(wireType: number, end: number, start: number, desc: DescMessage): number {
    const reader = this.#reader;
    switch (wireType) {
      case wireTypes.varint: {
        const at = reader.position;
        reader.skipVarint(end);
        return at;
      }
      case wireTypes.fixed64:
        return this.#skip(8, end, start, desc);
      case wireTypes.fixed32:
        return this.#skip(4, end, start, desc);
      case wireTypes.bytes:
        return this.#skip(reader.varint(end, 'a length'), end, start, desc);
      default:
        return this.#bad(start, `wire type ${wireType} is not used by ONNX`);
    }
  }

  #skip(length: number, end: number, start: number, desc: DescMessage): number {
    const reader = this.#reader;
    const at = reader.position;
    if (at + length > end) {
      const size = reader.source.size;
      if (end === size)
        fail('onnx/truncated', { file: this.#file, offset: start, needed: at + length, size });
      this.#bad(
        start,
        `a field of ${length} bytes does not fit into its ${desc.name}, which has ${end - at} left`,
      );
    }
    reader.position = at + length;
    return at;
  }

  #addSegment(
    segments: Segment[],
    next: { field: Segment['field']; offset: number; end: number; packed: boolean },
  ) {
    const last = segments.at(-1);
    const length = next.end - next.offset;
    if (
      !next.packed &&
      last?.packed === false &&
      last.field === next.field &&
      last.offset + last.length === next.offset
    ) {
      segments[segments.length - 1] = { ...last, length: last.length + length };
      return;
    }
    this.#countMessage();
    segments.push({ field: next.field, offset: next.offset, length, packed: next.packed });
  }

  async #addPayload(segments: readonly Segment[]): Promise<void> {
    // raw_data is a single field: of several, protobuf takes the last.
    const raw = segments.findLast((s) => s.field === 'rawData' && s.length > 0);
    const typed = segments.filter((s) => s.field !== 'rawData');
    const used = raw === undefined ? typed : [raw, ...typed];
    const first = used[0];
    if (first === undefined) return;
    let inline: Uint8Array | undefined;
    if (used.length === 1 && first.length <= INLINE_BYTES && this.#inlineBytes < INLINE_BUDGET_BYTES) {
      inline = (await this.#reader.bytes(first.offset, first.offset + first.length)).slice();
      this.#inlineBytes += first.length;
    }
    this.out.append(tag(PAYLOAD_FIELD, wireTypes.varint));
    this.out.append(varint(this.payloads.length));
    this.payloads.push({ segments: used, inline });
  }

  #count(desc: DescMessage): void {
    this.#countMessage();
    if (desc === NodeProtoSchema && ++this.#nodes > NODE_LIMIT) this.#tooMany('nodes', NODE_LIMIT);
  }

  #countMessage(): void {
    if (++this.#messages > MESSAGE_LIMIT) this.#tooMany('records', MESSAGE_LIMIT);
  }

  #countList(bytes: number): void {
    this.#listBytes += bytes;
    if (this.#listBytes > LIST_LIMIT_BYTES)
      this.#tooMany('bytes of number lists outside tensors', LIST_LIMIT_BYTES);
  }

  #checkSize(more: number): void {
    if (this.out.length + more > STRUCTURE_LIMIT_BYTES) {
      this.#tooMany('bytes of structure beside the tensors', STRUCTURE_LIMIT_BYTES);
    }
  }

  #tooMany(what: string, limit: number): never {
    return fail('onnx/too-many', { file: this.#file, what, limit });
  }

  #bad(offset: number, what: string): never {
    return fail('onnx/malformed', { file: this.#file, offset, what });
  }

  get #file(): string {
    return this.#reader.source.name;
  }
}

/** A tag and a length are two varints. */
const TAG_AND_LENGTH = 20;

interface FieldShape {
  readonly name: string;
  readonly wireTypes: readonly number[];
  readonly message: DescMessage | undefined;
  /** A list of numbers. */
  readonly list: boolean;
}

const shapes = new Map<DescMessage, ReadonlyMap<number, FieldShape>>();

function fieldsOf(desc: DescMessage): ReadonlyMap<number, FieldShape> {
  let fields = shapes.get(desc);
  if (fields === undefined) {
    fields = new Map(desc.fields.map((field) => [field.number, shapeOf(field)]));
    shapes.set(desc, fields);
  }
  return fields;
}

function shapeOf(field: DescField): FieldShape {
  const { name, message } = field;
  if (message !== undefined) return { name, message, wireTypes: [wireTypes.bytes], list: false };
  const own = scalarWireType(field.scalar ?? ScalarType.BYTES);
  const list = field.fieldKind === 'list' && own !== wireTypes.bytes;
  return { name, message: undefined, wireTypes: list ? [own, wireTypes.bytes] : [own], list };
}

function scalarWireType(scalar: ScalarType): number {
  switch (scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return wireTypes.bytes;
    case ScalarType.FLOAT:
      return wireTypes.fixed32;
    case ScalarType.DOUBLE:
      return wireTypes.fixed64;
    default:
      return wireTypes.varint;
  }
}
