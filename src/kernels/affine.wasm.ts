import { type AffineKernel, affineReference, type BlockLayout, type IntegerArray } from './affine.ref.ts';
import { loadKernel } from './kernel-module.ts';

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
}

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
const QUANTIZE_END = CODES + TILE * 2;

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

/** The SIMD kernel. Blocks longer than a tile are fitted by the twin, which gives the same bits. */
export async function createAffineKernel(): Promise<AffineKernel> {
  const [fitting, quantizing] = await Promise.all([
    import('./generated/fit-affine.ts').then(({ wasm }) => loadKernel<FitFunctions>(wasm, END)),
    import('./generated/quantize-affine.ts').then(({ wasm }) =>
      loadKernel<QuantizeFunctions>(wasm, QUANTIZE_END),
    ),
  ]);

  return {
    fit(values, weights, layout, spec, scale, zero) {
      const { call, memory } = fitting;
      const floats = (at: number, count: number) => new Float32Array(memory.buffer, at, count);
      // Ratios are tried two at a time; an odd last one is tried twice, which changes nothing.
      const count = spec.ratios.length + (spec.ratios.length % 2);
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
      const { call, memory } = quantizing;
      const floats = (at: number, count: number) => new Float32Array(memory.buffer, at, count);
      const bytes = codes.BYTES_PER_ELEMENT;
      const signed = codes instanceof Int8Array || codes instanceof Int16Array;
      const ArrayType = codes.constructor as new (
        buffer: ArrayBufferLike,
        at: number,
        n: number,
      ) => IntegerArray;
      const run = ({ rows, length, block, from, scaleFrom }: Piece) => {
        const size = rows * length;
        const scales = rows * Math.ceil(length / block);
        floats(VALUES, size).set(values.subarray(from, from + size));
        floats(SCALE, scales).set(scale.subarray(scaleFrom, scaleFrom + scales));
        floats(ZERO, scales).set(zero.subarray(scaleFrom, scaleFrom + scales));
        call.quantize(minCode, maxCode, VALUES, SCALE, ZERO, CODES, rows, length, block, bytes, signed);
        codes.set(new ArrayType(memory.buffer, CODES, size), from);
      };
      if (layout.block <= TILE) {
        for (const piece of piecesOf(layout)) run(piece);
        return;
      }
      const { rows, length, block } = layout;
      let scaleFrom = 0;
      for (let row = 0; row < rows; row++) {
        for (let start = 0; start < length; start += block, scaleFrom++) {
          const end = Math.min(start + block, length);
          for (let at = start; at < end; at += TILE) {
            const size = Math.min(TILE, end - at);
            run({ rows: 1, length: size, block: size, from: row * length + at, scaleFrom });
          }
        }
      }
    },
  };
}
