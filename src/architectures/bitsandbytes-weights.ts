import {
  eightBitNames,
  type FourBitState,
  fourBitNames,
  readFourBitState,
  rowCountOf,
  rowLengthOf,
  storedBytes,
  type TensorSource,
} from '../files/index.ts';
import { formats, type NumberFormat } from '../numerics/index.ts';
import { elementCount, fail } from '../tensor/index.ts';
import { bytesOf } from './computed-tensors.ts';

/**
 * Tensors of bitsandbytes with their scales multiplied in, as float32; their parts are gone. Other tensors stay.
 * 4 bits: table[code] * absmax, absmax from codes of its own where it is nested. 8 bits: code * SCB / 127.
 * These are the values of bitsandbytes 0.50 before it rounds them to the type that the model computes in.
 * @throws checkpoint/bitsandbytes
 */
export async function withoutBitsandbytes(
  tensors: ReadonlyMap<string, TensorSource>,
  file: string,
): Promise<ReadonlyMap<string, TensorSource>> {
  const decoded = new Map<string, TensorSource>();
  const parts = new Set<string>();
  const slot: ScaleSlot = {};
  for (const [name, tensor] of tensors) {
    const ending = stateEnding.exec(name)?.[0];
    if (ending !== undefined) {
      const weight = name.slice(0, -ending.length);
      const refuse = (what: string): never => fail('checkpoint/bitsandbytes', { file, tensor: weight, what });
      const state = readFourBitState(await smallBytes(tensor, refuse));
      decoded.set(weight, await fourBitTensor({ weight, tensors, state, slot, refuse }));
      for (const part of fourBitParts) parts.add(weight + part);
      parts.add(name);
    } else if (tensor.type === 'int8' && tensors.has(eightBitNames.scale(name)) && name.endsWith('weight')) {
      const refuse = (what: string): never => fail('checkpoint/bitsandbytes', { file, tensor: name, what });
      decoded.set(name, eightBitTensor(tensor, tensors.get(eightBitNames.scale(name))!, refuse));
      for (const part of [eightBitNames.scale(name), eightBitNames.format(name)]) parts.add(part);
    }
  }
  if (decoded.size === 0) return tensors;
  const result = new Map<string, TensorSource>();
  for (const [name, tensor] of tensors) if (!parts.has(name)) result.set(name, decoded.get(name) ?? tensor);
  return result;
}

const stateEnding = /\.quant_state\.bitsandbytes__\w+$/;
const { absmax, map, nestedAbsmax, nestedMap } = fourBitNames;
const fourBitParts = [absmax, map, nestedAbsmax, nestedMap];

/** Descriptions have about 100 bytes. */
const MAX_STATE_BYTES = 2 ** 16;

type Refuse = (what: string) => never;

const wholeOf = (tensor: TensorSource): Promise<Uint8Array> => tensor.read(0, rowCountOf(tensor.shape));

function smallBytes(tensor: TensorSource, refuse: Refuse): Promise<Uint8Array> {
  const size = elementCount(tensor.shape);
  if (tensor.type !== 'uint8' || size > MAX_STATE_BYTES) refuse(`its quant_state has ${size} ${tensor.type}`);
  return wholeOf(tensor);
}

/** The scales of the tensor that was read last: they are an eighth of its codes, or less. */
interface ScaleSlot {
  owner?: string;
  scale?: Promise<Float32Array>;
}

interface FourBitSource {
  readonly weight: string;
  readonly tensors: ReadonlyMap<string, TensorSource>;
  readonly state: FourBitState | string;
  readonly slot: ScaleSlot;
  readonly refuse: Refuse;
}

async function fourBitTensor(source: FourBitSource): Promise<TensorSource> {
  const { weight, tensors, slot, refuse } = source;
  const state = typeof source.state === 'string' ? refuse(source.state) : source.state;
  const part = (ending: string, type: string, count: number): TensorSource => {
    const found = tensors.get(weight + ending) ?? refuse(`its part '${ending}' is missing`);
    if (found.type === type && elementCount(found.shape) === count) return found;
    return refuse(`'${ending}' is ${found.type} [${found.shape.join(', ')}], not ${count} ${type}`);
  };
  const { shape, nested } = state;
  const format: NumberFormat = formats[state.kind];
  const count = elementCount(shape);
  const blocks = Math.ceil(count / state.blockSize);
  const codes = tensors.get(weight) ?? refuse('its codes are missing');
  const storedSize = storedBytes(codes.type, elementCount(codes.shape));
  // Codes of other types than bytes (bnb_4bit_quant_storage) are the same bytes, filled up.
  if (storedSize < Math.ceil(count / 2) || storedSize > Math.ceil(count / 2) + 8)
    refuse(`its ${storedSize} bytes of codes are not those of [${shape.join(', ')}]`);
  await sameLevels(part(map, 'float32', 16), format, refuse);
  const inner = nested && {
    scale: part(nestedAbsmax, 'float32', Math.ceil(blocks / nested.blockSize)),
    codes: part(absmax, 'uint8', blocks),
  };
  if (nested) await sameLevels(part(nestedMap, 'float32', 256), formats.dynamic8, refuse);
  const outer = nested ? undefined : part(absmax, 'float32', blocks);
  const readScale = async (): Promise<Float32Array> => {
    if (!nested || !inner) return floats(await wholeOf(outer!));
    const offset = Math.fround(nested.offset);
    const encoded = {
      codes: (await wholeOf(inner.codes)).slice(),
      scale: floats(await wholeOf(inner.scale)),
    };
    const layout = { rows: 1, length: blocks, block: nested.blockSize };
    return formats.dynamic8.decode(encoded, layout).map((scale) => scale + offset);
  };
  const length = rowLengthOf(shape);
  return {
    name: weight,
    shape,
    type: 'float32',
    async read(from, to) {
      if (slot.owner !== weight) Object.assign(slot, { owner: weight, scale: readScale() });
      const scale = await slot.scale!;
      // Blocks lie over the flat tensor: rows may begin and end inside one.
      const block = state.blockSize;
      const [first, last] = [Math.floor((from * length) / block), Math.ceil((to * length) / block)];
      const [start, end] = [first * block, Math.min(count, last * block)];
      const packed = await bytesBetween(codes, Math.floor(start / 2), Math.ceil(end / 2));
      const unpacked = format.createCodes(end - start);
      const odd = start % 2;
      for (let i = 0; i < unpacked.length; i++) {
        const byte = packed[(i + odd) >> 1]!;
        unpacked[i] = (i + odd) % 2 === 0 ? byte >> 4 : byte & 15;
      }
      const layout = { rows: 1, length: end - start, block };
      const values = format.decode({ codes: unpacked, scale: scale.slice(first, last) }, layout);
      return bytesOf(values.subarray(from * length - start, to * length - start));
    },
  };
}

/** Bytes of a tensor whatever its rows are: [bytes, 1], [1, bytes], or of wider elements. */
async function bytesBetween(tensor: TensorSource, from: number, to: number): Promise<Uint8Array> {
  const rowBytes = storedBytes(tensor.type, rowLengthOf(tensor.shape));
  const first = Math.floor(from / rowBytes);
  const bytes = await tensor.read(first, Math.ceil(to / rowBytes));
  return bytes.subarray(from - first * rowBytes, to - first * rowBytes);
}

/** Levels that are not those of the format would be read wrongly. */
async function sameLevels(map: TensorSource, format: NumberFormat, refuse: Refuse): Promise<void> {
  const [levels, known] = [floats(await wholeOf(map)), format.table!()];
  const other = levels.findIndex((level, i) => level !== known[i]);
  if (other >= 0)
    refuse(`level ${other} of ${format.name} is ${levels[other]} in its table, not ${known[other]}`);
}

const floats = (bytes: Uint8Array): Float32Array => new Float32Array(new Uint8Array(bytes).buffer);

/** 1 / 127 to 16 digits, as bitsandbytes has it; it multiplies in float32. */
const PART = Math.fround(7.874015718698502e-3);

function eightBitTensor(codes: TensorSource, scale: TensorSource, refuse: Refuse): TensorSource {
  const { name, shape } = codes;
  const rows = rowCountOf(shape);
  if (scale.type !== 'float32' || elementCount(scale.shape) !== rows)
    refuse(`its SCB is ${scale.type} [${scale.shape.join(', ')}], where it has ${rows} rows`);
  return {
    name,
    shape,
    type: 'float32',
    async read(from, to) {
      const [bytes, factors] = [await codes.read(from, to), floats(await wholeOf(scale))];
      const length = rowLengthOf(shape);
      const values = new Float32Array((to - from) * length);
      for (let i = 0; i < values.length; i++) {
        const factor = factors[from + Math.floor(i / length)]!;
        values[i] = Math.fround(((bytes[i]! << 24) >> 24) * factor) * PART;
      }
      return bytesOf(values);
    },
  };
}
