import { type AffineKernel, affineReference, type BlockLayout, type IntegerArray } from './affine.ref.ts';
import { fitBlockRef } from './fit-affine.ref.ts';
import { loadKernel } from './kernel-module.ts';
import { type Cells, roundingKey } from './uniform-cells.ref.ts';

interface FitFunctions {
  configure(
    minCode: number,
    maxCode: number,
    isFixed: boolean,
    zero: number,
    isSigned: boolean,
    ratios: number,
    ratioLength: number,
    tile: number,
    tileWeights: number,
  ): void;
  fit(
    values: number,
    weights: number,
    scale: number,
    zero: number,
    rows: number,
    length: number,
    block: number,
  ): void;
  extremes(values: number, lows: number, highs: number, rows: number, length: number, block: number): void;
}

interface QuantizeFunctions {
  quantize(
    minCode: number,
    maxCode: number,
    values: number,
    scale: number,
    zero: number,
    codes: number,
    rows: number,
    length: number,
    block: number,
    bytes: number,
    signed: boolean,
  ): void;
  configureCells(shape: number, margin: number, realZero: boolean, rounding: number, key: number): void;
  quantizeCells(
    minCode: number,
    maxCode: number,
    values: number,
    scale: number,
    zero: number,
    mask: number,
    codes: number,
    rows: number,
    length: number,
    block: number,
    bytes: number,
    first: number,
  ): void;
  dequantize(
    codes: number,
    scale: number,
    zero: number,
    margin: number,
    to: number,
    rows: number,
    length: number,
    block: number,
    bytes: number,
    signed: boolean,
  ): void;
}

/** As the module numbers them. */
const shapes = { tread: 0, rise: 1, 'dead-zone': 2 } as const satisfies Record<Cells['shape'], number>;
const roundings = {
  'half-even': 0,
  'half-away': 1,
  stochastic: 2,
  mask: 3,
} as const satisfies Record<Cells['rounding'], number>;

/** Values per tile: with its scratch in the second-level cache for blocks of usual sizes. */
const TILE = 1 << 16;

// Memory map of the module that fits, in bytes. The first 4096 are its own.
const RATIOS = 4096;
const MAX_RATIOS = 64;
const VALUES = RATIOS + MAX_RATIOS * 4;
const WEIGHTS = VALUES + TILE * 4;
const SCALE = WEIGHTS + TILE * 4;
const ZERO = SCALE + TILE * 4;
const SCRATCH = ZERO + TILE * 4;
const SCRATCH_WEIGHTS = SCRATCH + TILE * 16;
const END = SCRATCH_WEIGHTS + TILE * 16;
// And of the module that quantizes.
const CODES = ZERO + TILE * 4;
const MASK = CODES + TILE * 2;
const QUANTIZE_END = MASK + TILE + 64;

/** A run of values that is one layout of at most TILE values, and where its scales begin. */
interface Piece extends BlockLayout {
  readonly from: number;
  readonly scaleFrom: number;
}

/** Cuts a layout whose blocks fit into a tile: whole rows together, or a long row between its blocks. */
function* piecesOf({ rows, length, block }: BlockLayout): Generator<Piece> {
  const perRow = Math.ceil(length / block);
  if (length <= TILE) {
    const step = Math.max(1, Math.floor(TILE / length));
    for (let row = 0; row < rows; row += step) {
      yield {
        rows: Math.min(step, rows - row),
        length,
        block,
        from: row * length,
        scaleFrom: row * perRow,
      };
    }
    return;
  }
  const step = Math.floor(TILE / block) * block;
  for (let row = 0; row < rows; row++) {
    for (let at = 0; at < length; at += step) {
      const part = Math.min(step, length - at);
      yield {
        rows: 1,
        length: part,
        block,
        from: row * length + at,
        scaleFrom: row * perRow + at / block,
      };
    }
  }
}

/** Pieces of a layout of any blocks, for work that goes value by value: a block longer than a tile is cut too. */
function* valuePieces(layout: BlockLayout): Generator<Piece> {
  const { rows, length, block } = layout;
  if (block <= TILE) {
    yield* piecesOf(layout);
    return;
  }
  let scaleFrom = 0;
  for (let row = 0; row < rows; row++) {
    for (let start = 0; start < length; start += block, scaleFrom++) {
      const end = Math.min(start + block, length);
      for (let at = start; at < end; at += TILE) {
        const size = Math.min(TILE, end - at);
        yield { rows: 1, length: size, block: size, from: row * length + at, scaleFrom };
      }
    }
  }
}

/** The SIMD kernel. Blocks longer than a tile are fitted by the twin, which gives the same bits. */
export async function createAffineKernel(): Promise<AffineKernel> {
  const [fitting, quantizing] = await Promise.all([
    import('./generated/fit-affine.ts').then(({ wasm }) => loadKernel<FitFunctions>(wasm, END)),
    import('./generated/quantize-affine.ts').then(({ wasm }) =>
      loadKernel<QuantizeFunctions>(wasm, QUANTIZE_END),
    ),
  ]);

  const extremes: AffineKernel['extremes'] = (values, layout, lows, highs) => {
    const { call, memory } = fitting;
    const floats = (at: number, count: number) => new Float32Array(memory.buffer, at, count);
    lows.fill(Number.POSITIVE_INFINITY);
    highs.fill(Number.NEGATIVE_INFINITY);
    for (const { rows, length, block, from, scaleFrom } of valuePieces(layout)) {
      const scales = rows * Math.ceil(length / block);
      floats(VALUES, rows * length).set(values.subarray(from, from + rows * length));
      call.extremes(VALUES, SCALE, ZERO, rows, length, block);
      const [low, high] = [floats(SCALE, scales), floats(ZERO, scales)];
      // A block longer than a tile comes in several pieces.
      for (let i = 0; i < scales; i++) {
        if (low[i]! < lows[scaleFrom + i]!) lows[scaleFrom + i] = low[i]!;
        if (high[i]! > highs[scaleFrom + i]!) highs[scaleFrom + i] = high[i]!;
      }
    }
  };
  const floats = (at: number, count: number) => new Float32Array(quantizing.memory.buffer, at, count);
  /** The values (where given) and parameters of a piece, where the module looks for them. */
  const putPiece = (
    { rows, length, block, from, scaleFrom }: Piece,
    values: Float32Array | undefined,
    scale: Float32Array,
    zero: Float32Array,
  ) => {
    const scales = rows * Math.ceil(length / block);
    if (values) floats(VALUES, rows * length).set(values.subarray(from, from + rows * length));
    floats(SCALE, scales).set(scale.subarray(scaleFrom, scaleFrom + scales));
    floats(ZERO, scales).set(zero.subarray(scaleFrom, scaleFrom + scales));
  };
  const codesOf = (like: IntegerArray, count: number) => {
    const ArrayType = like.constructor as new (
      buffer: ArrayBufferLike,
      at: number,
      n: number,
    ) => IntegerArray;
    return new ArrayType(quantizing.memory.buffer, CODES, count);
  };

  return {
    extremes,

    fit(values, weights, layout, spec, scale, zero) {
      const { call, memory } = fitting;
      const floats = (at: number, count: number) => new Float32Array(memory.buffer, at, count);
      // Ratios are tried two at a time; an odd last one is tried twice, which changes nothing.
      const count = spec.ratios.length + (spec.ratios.length % 2);
      if (layout.block > TILE && spec.ratios.length === 0) {
        // The full range is that of the extremes.
        const [lows, highs] = [scale.slice(), scale.slice()];
        extremes(values, layout, lows, highs);
        for (let i = 0; i < lows.length; i++)
          fitBlockRef(Float32Array.of(lows[i]!, highs[i]!), undefined, spec, scale, zero, i);
        return;
      }
      if (layout.block > TILE || count > MAX_RATIOS) {
        affineReference.fit(values, weights, layout, spec, scale, zero);
        return;
      }
      const ratios = floats(RATIOS, count);
      ratios.fill(spec.ratios.at(-1) ?? 0);
      ratios.set(spec.ratios);
      const fixed = spec.zeroPoint;
      call.configure(
        spec.minCode,
        spec.maxCode,
        fixed !== undefined,
        fixed ?? 0,
        spec.signedScale,
        RATIOS,
        count,
        SCRATCH,
        SCRATCH_WEIGHTS,
      );
      for (const { rows, length, block, from, scaleFrom } of piecesOf(layout)) {
        const size = rows * length;
        const scales = rows * Math.ceil(length / block);
        floats(VALUES, size).set(values.subarray(from, from + size));
        if (weights) floats(WEIGHTS, size).set(weights.subarray(from, from + size));
        call.fit(VALUES, weights ? WEIGHTS : 0, SCALE, ZERO, rows, length, block);
        scale.set(floats(SCALE, scales), scaleFrom);
        zero.set(floats(ZERO, scales), scaleFrom);
      }
    },

    quantize(values, layout, scale, zero, { minCode, maxCode }, codes) {
      const { call } = quantizing;
      const bytes = codes.BYTES_PER_ELEMENT;
      for (const piece of valuePieces(layout)) {
        const { rows, length, block } = piece;
        putPiece(piece, values, scale, zero);
        call.quantize(
          minCode,
          maxCode,
          VALUES,
          SCALE,
          ZERO,
          CODES,
          rows,
          length,
          block,
          bytes,
          isSigned(codes),
        );
        codes.set(codesOf(codes, rows * length), piece.from);
      }
    },

    quantizeCells(values, layout, scale, zero, { minCode, maxCode }, cells, first, mask, codes) {
      const { call, memory } = quantizing;
      const bytes = codes.BYTES_PER_ELEMENT;
      const { shape, margin, realZero, rounding, seed } = cells;
      call.configureCells(shapes[shape], margin, realZero, roundings[rounding], roundingKey(seed));
      for (const piece of valuePieces(layout)) {
        const { rows, length, block, from } = piece;
        const size = rows * length;
        putPiece(piece, values, scale, zero);
        if (mask) new Uint8Array(memory.buffer, MASK, size).set(mask.subarray(from, from + size));
        const place = first + from;
        call.quantizeCells(
          minCode,
          maxCode,
          VALUES,
          SCALE,
          ZERO,
          MASK,
          CODES,
          rows,
          length,
          block,
          bytes,
          place | 0,
        );
        codes.set(codesOf(codes, size), from);
      }
    },

    dequantize(codes, layout, scale, zero, margin, out) {
      const { call } = quantizing;
      const bytes = codes.BYTES_PER_ELEMENT;
      for (const piece of valuePieces(layout)) {
        const { rows, length, block, from } = piece;
        const size = rows * length;
        putPiece(piece, undefined, scale, zero);
        codesOf(codes, size).set(codes.subarray(from, from + size));
        call.dequantize(CODES, SCALE, ZERO, margin, VALUES, rows, length, block, bytes, isSigned(codes));
        out.set(floats(VALUES, size), from);
      }
    },
  };
}

const isSigned = (codes: IntegerArray) => codes instanceof Int8Array || codes instanceof Int16Array;
