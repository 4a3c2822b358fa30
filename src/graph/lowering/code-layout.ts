import { type Codes, formats, type QuantizedTensor, type Scheme } from '../../numerics/index.ts';
import { type DType, elementCount } from '../../tensor/index.ts';

/** One stored constant of a quantized weight. */
export interface Part {
  readonly dtype: Exclude<DType, 'string'>;
  readonly dims: readonly number[];
}

/** Bytes of the constants of one weight, as they go into the file. */
export interface EncodedParts {
  readonly codes: Uint8Array;
  readonly scale: Uint8Array;
  readonly zeroPoint?: Uint8Array;
}

/**
 * How an operator wants a quantized weight laid out. `write` puts rows [row, row + q.dims[0]) of the weight
 * into buffers that are zero at first; a whole tensor is the one tile that starts at row 0.
 */
export interface CodeLayout {
  readonly codes: Part;
  readonly scale: Part;
  readonly zeroPoint?: Part;
  /** Tells apart layouts of equal shapes and different bytes. */
  readonly variant: string;
  /** The weight must come in one piece. */
  readonly whole?: true;
  write(q: QuantizedTensor, row: number, out: EncodedParts): void;
}

/** Zero point of every scale, the implied one where none is stored. */
export function zeroPoints(q: QuantizedTensor): Codes {
  if (q.zeroPoint !== undefined) return q.zeroPoint;
  const format = formats[q.scheme.format];
  return format.createCodes(q.scale.length).fill(format.symmetricZero);
}

/**
 * Copies [rows, columns] into its transpose [columns, total], rows starting at column `row` of the target.
 * Blocks of 32 keep both sides in cache.
 */
export function transposeInto(
  source: ArrayLike<number>, // [rows, columns]
  rows: number,
  columns: number,
  target: { [i: number]: number }, // [columns, total]
  total: number,
  row: number,
): void {
  const block = 32;
  for (let r0 = 0; r0 < rows; r0 += block) {
    const r1 = Math.min(rows, r0 + block);
    for (let c0 = 0; c0 < columns; c0 += block) {
      const c1 = Math.min(columns, c0 + block);
      for (let r = r0; r < r1; r++) {
        for (let c = c0; c < c1; c++) target[c * total + row + r] = source[r * columns + c]!;
      }
    }
  }
}

export const bytesOfCodes = (codes: Codes): Uint8Array =>
  new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength);

export const asFloats = (bytes: Uint8Array): Float32Array =>
  new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);

/** Where scales of a tile go: behind those of the rows before it when they run along the rows. */
const scaleOffset = (scheme: Scheme, row: number): number =>
  scheme.granularity.kind === 'per-channel' && scheme.granularity.axis === 0 ? row : 0;

export interface PlainLayoutOptions {
  readonly scheme: Scheme;
  /** Shape of the weight. */
  readonly dims: readonly number[];
  /** Shapes in the file; same counts. Default: the weight's, and [C] or a scalar. */
  readonly codeDims?: readonly number[];
  readonly scaleDims?: readonly number[];
  /** Store zero points also when the scheme implies them. One value stands for all when `scalar`. */
  readonly zeroPoint?: 'as-scheme' | 'always' | 'scalar';
  /** Every scale is multiplied by this: Gemm's alpha. */
  readonly factor?: number;
  /** `transpose`: the codes of a [rows, columns] weight are stored [columns, rows], per leading `batch`. */
  readonly order?: { readonly batch: number; readonly rows: number; readonly columns: number };
}

/** 8-bit codes in order or transposed, scales per tensor or channel: what MatMulInteger and its like read. */
export function plainLayout(options: PlainLayoutOptions): CodeLayout {
  const { scheme, dims, factor = 1, order } = options;
  const { granularity, format } = scheme;
  const count = granularity.kind === 'per-channel' ? dims[granularity.axis]! : 1;
  const dtype = formats[format].dtype as Part['dtype'];
  const scaleDims = options.scaleDims ?? (granularity.kind === 'per-channel' ? [count] : []);
  const mode = options.zeroPoint ?? 'as-scheme';
  const stored = mode !== 'as-scheme' || hasZeroPoint(scheme);
  const zeroDims = mode === 'scalar' ? [] : scaleDims;
  const rowSize = elementCount(dims.slice(1));
  return {
    codes: { dtype, dims: options.codeDims ?? dims },
    scale: { dtype: 'float32', dims: scaleDims },
    ...(stored && { zeroPoint: { dtype, dims: zeroDims } }),
    variant: `plain x${factor}${order === undefined ? '' : ` transposed ${order.batch}x${order.rows}`}`,
    write(q, row, out) {
      if (order === undefined) out.codes.set(bytesOfCodes(q.codes), row * rowSize);
      else {
        // A batched weight [batch, rows, columns] comes whole; a plain one may come in tiles of rows.
        const source = bytesOfCodes(q.codes);
        const size = order.rows * order.columns;
        const tileRows = order.batch === 1 ? source.length / order.columns : order.rows;
        for (let b = 0; b < order.batch; b++) {
          transposeInto(
            source.subarray(b * size, b * size + tileRows * order.columns),
            tileRows,
            order.columns,
            out.codes.subarray(b * size, (b + 1) * size),
            order.rows,
            order.batch === 1 ? row : 0,
          );
        }
      }
      const at = scaleOffset(scheme, row);
      const scale = asFloats(out.scale);
      for (let i = 0; i < q.scale.length; i++) scale[at + i] = q.scale[i]! * factor;
      if (out.zeroPoint === undefined) return;
      const zeros = zeroPoints(q);
      if (mode === 'scalar') out.zeroPoint[0] = zeros[0]!;
      else out.zeroPoint.set(bytesOfCodes(zeros), at);
    },
  };
}

/** Whether a scheme stores zero points: asymmetric ones, and unsigned codes whose range was narrowed. */
export function hasZeroPoint(scheme: Scheme): boolean {
  return !scheme.symmetric || (scheme.reduced === true && scheme.format.startsWith('uint'));
}
