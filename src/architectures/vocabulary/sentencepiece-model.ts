import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { fail, LowbitError } from '../../tensor/index.ts';
import { MAX_TOKENS, type TokenType } from './token-list.ts';

/** What a SentencePiece model file (tokenizer.model, spiece.model) says of text and ids. */
export interface SentencePieceModel {
  readonly file: string;
  readonly algorithm: 'unigram' | 'bpe' | 'word' | 'char';
  readonly pieces: readonly Piece[];
  /** Ids of the trainer; negative ones stand for none. */
  readonly unkId: number;
  readonly bosId: number;
  readonly eosId: number;
  readonly padId: number;
  readonly treatsSpaceAsSuffix: boolean;
  /** Compiled rules that rewrite characters before pieces are looked for; empty for none. */
  readonly charsmap: Uint8Array;
  readonly addsDummyPrefix: boolean;
  readonly removesExtraSpaces: boolean;
  readonly escapesSpaces: boolean;
}

export interface Piece {
  readonly text: string;
  readonly score: number;
  readonly type: TokenType;
}

const algorithms = [undefined, 'unigram', 'bpe', 'word', 'char'] as const;

const pieceTypes: readonly (TokenType | undefined)[] = [
  undefined,
  'normal',
  'unknown',
  'control',
  'userDefined',
  'unused',
  'byte',
];

/** How a known field is written, and what its value does. */
type Field = readonly [wireType: WireType, read: (reader: BinaryReader) => void];

const { Varint, LengthDelimited, Bit32 } = WireType;

/**
 * Reads the message ModelProto of sentencepiece_model.proto; fields that say nothing of ids are skipped.
 * @throws vocabulary/malformed, vocabulary/too-large
 */
export function readSentencePieceModel(bytes: Uint8Array, file: string): SentencePieceModel {
  const pieces: Piece[] = [];
  const model = {
    file,
    algorithm: 'unigram' as SentencePieceModel['algorithm'],
    pieces,
    unkId: 0,
    bosId: 1,
    eosId: 2,
    padId: -1,
    treatsSpaceAsSuffix: false,
    charsmap: new Uint8Array(0),
    addsDummyPrefix: true,
    removesExtraSpaces: true,
    escapesSpaces: true,
  };
  const trainer: Record<number, Field> = {
    3: [
      Varint,
      (r) => {
        const number = r.int32();
        model.algorithm = algorithms[number] ?? malformed(file, `its algorithm is number ${number}`);
      },
    ],
    24: [Varint, (r) => (model.treatsSpaceAsSuffix = r.bool())],
    40: [Varint, (r) => (model.unkId = r.int32())],
    41: [Varint, (r) => (model.bosId = r.int32())],
    42: [Varint, (r) => (model.eosId = r.int32())],
    43: [Varint, (r) => (model.padId = r.int32())],
  };
  const normalizer: Record<number, Field> = {
    2: [LengthDelimited, (r) => (model.charsmap = r.bytes().slice())],
    3: [Varint, (r) => (model.addsDummyPrefix = r.bool())],
    4: [Varint, (r) => (model.removesExtraSpaces = r.bool())],
    5: [Varint, (r) => (model.escapesSpaces = r.bool())],
  };
  const top: Record<number, Field> = {
    1: [
      LengthDelimited,
      (r) => {
        if (pieces.length === MAX_TOKENS) {
          fail('vocabulary/too-large', {
            file,
            what: 'its number of pieces',
            got: MAX_TOKENS + 1,
            limit: MAX_TOKENS,
          });
        }
        pieces.push(readPiece(r.bytes(), file, pieces.length));
      },
    ],
    2: [LengthDelimited, (r) => readMessage(r.bytes(), trainer)],
    3: [LengthDelimited, (r) => readMessage(r.bytes(), normalizer)],
  };
  try {
    readMessage(bytes, top);
  } catch (error) {
    if (error instanceof LowbitError) throw error;
    return fail('vocabulary/malformed', { file, what: 'it is no SentencePiece model, or cut off' }, error);
  }
  if (pieces.length === 0) malformed(file, 'it is no SentencePiece model: it holds no pieces');
  return model;
}

function readPiece(bytes: Uint8Array, file: string, id: number): Piece {
  const piece = { text: '', score: 0, type: 'normal' as TokenType };
  readMessage(bytes, {
    1: [
      LengthDelimited,
      (r) => (piece.text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(r.bytes())),
    ],
    2: [Bit32, (r) => (piece.score = r.float())],
    3: [
      Varint,
      (r) => {
        const number = r.int32();
        piece.type = pieceTypes[number] ?? malformed(file, `piece ${id} is of type ${number}`);
      },
    ],
  });
  if (!Number.isFinite(piece.score)) malformed(file, `piece ${id} has the score ${piece.score}`);
  return piece;
}

/** Gives known fields to their readers and skips the others. */
function readMessage(bytes: Uint8Array, fields: Readonly<Record<number, Field>>): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const known = fields[field];
    if (known === undefined) reader.skip(wireType, field);
    else if (known[0] !== wireType) throw new RangeError(`field ${field} is of wire type ${wireType}`);
    else known[1](reader);
  }
}

const malformed = (file: string, what: string): never => fail('vocabulary/malformed', { file, what });
