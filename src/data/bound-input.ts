import type { PortInfo } from '../runtime/index.ts';
import { byteLengthOf, type DType, elementCount, fail, type Tensor } from '../tensor/index.ts';
import type { InputSpec } from './dataset-spec.ts';
import { whyNotFed } from './feed.ts';
import type { Rows } from './rows.ts';

/** Rows bound to one input of the model: makes the tensor of a batch. */
export interface BoundInput {
  readonly port: PortInfo;
  readonly rows: Rows;
  /** Rows per run that the model insists on. */
  readonly fixedBatch: number | undefined;
  /** `batch` rows from `start`, of which `count` exist; the last one is repeated to fill a fixed batch. */
  feed(start: number, count: number, batch: number): Promise<Fed>;
}

export interface Fed {
  readonly tensor: Tensor;
  /** Real length of each row, where they are padded. */
  readonly lengths?: Int32Array;
}

export interface BindRequest {
  readonly port: PortInfo;
  readonly rows: Rows;
  readonly spec: InputSpec;
  /** Says what is assumed. */
  readonly guess: (text: string) => void;
  /** Nobody described the data. */
  readonly guessing: boolean;
}

/** One sample of one input may take so much; above it, a shape is a mistake and a batch an attack. */
const maxSampleBytes = 2 ** 30;

/** Checks a sample's size before memory is taken for it. @throws data/too-large */
export function checkSampleSize(file: string, dtype: DType, dims: readonly number[]): void {
  const got = byteLengthOf(dtype, elementCount(dims));
  if (got > maxSampleBytes) {
    fail('data/too-large', { file, what: 'one sample in bytes', got, limit: maxSampleBytes });
  }
}

export function checkKind({ port, rows }: BindRequest, normalised: boolean): void {
  const why = whyNotFed(rows.dtype, port.dtype, normalised);
  if (why !== undefined) {
    fail('data/dtype', {
      input: port.name,
      file: rows.source,
      got: `${rows.dtype} (${why})`,
      wanted: port.dtype,
    });
  }
}

/** @throws data/shape, got against wanted. */
export function wrongShape(port: PortInfo, rows: Rows, got: string): never {
  fail('data/shape', {
    input: port.name,
    file: rows.source,
    got,
    wanted: `[${port.shape.slice(1).join(', ')}]`,
  });
}

/** The batch that a fixed first axis asks for. */
export function fixedBatchOf({ shape }: PortInfo): number | undefined {
  return typeof shape[0] === 'number' && shape[0] > 0 ? shape[0] : undefined;
}

export function asTensor(dtype: DType, dims: readonly number[], data: Tensor['data']): Tensor {
  return { dtype, dims, data };
}
