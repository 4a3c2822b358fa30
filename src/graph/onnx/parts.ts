import { tag, varint, wireTypes } from '../../files/onnx/index.ts';
import type { Weight } from '../weight.ts';

/** An encoded message in pieces: bytes, and weights whose bytes are read only when the file is written. */
export class Parts {
  readonly pieces: (Uint8Array | Weight)[] = [];
  length = 0;

  bytes(bytes: Uint8Array): this {
    if (bytes.byteLength > 0) this.pieces.push(bytes);
    this.length += bytes.byteLength;
    return this;
  }

  /** A length-delimited field: a string, bytes or a message. */
  field(number: number, content: Uint8Array | Parts): this {
    this.bytes(tag(number, wireTypes.bytes));
    this.bytes(varint(content instanceof Parts ? content.length : content.byteLength));
    if (!(content instanceof Parts)) return this.bytes(content);
    for (const piece of content.pieces) this.pieces.push(piece);
    this.length += content.length;
    return this;
  }

  /** A length-delimited field whose content is a weight. */
  weight(number: number, weight: Weight): this {
    this.bytes(tag(number, wireTypes.bytes)).bytes(varint(weight.byteLength));
    if (weight.byteLength > 0) this.pieces.push(weight);
    this.length += weight.byteLength;
    return this;
  }
}
