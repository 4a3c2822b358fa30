import {
  type Cells,
  type CentredSpec,
  cellOf,
  type FitSpec,
  fitBlockRef,
  fitCentredBlockRef,
  kernels,
  kernelsNow,
  realOf,
  roundingKey,
} from '../../kernels/index.ts';
import { stepsFrom, storedScale } from '../affine.ts';
import type { Codes } from '../quantized-tensor.ts';
import { type RangeRow, ranges } from '../ranges.ts';
import { hasPowerScale, reachOf, type ScaleAndZero, type UniformGrid } from '../uniform-grid.ts';
import { eachBlock } from './each-block.ts';
import type { FitChoice, NumberFormat, RowLayout } from './number-format.ts';
import { packCodes, unpackCodes } from './pack-codes.ts';
import { searchPowerScales } from './power-scale-search.ts';

/** What tells one uniform format from another. */
export interface UniformRow
  extends Omit<
    NumberFormat,
    | 'block'
    | 'unit'
    | 'bookSize'
    | 'bitsPerWeight'
    | 'scaled'
    | 'rounds'
    | 'tensorScale'
    | 'fit'
    | 'round'
    | 'value'
    | 'createCodes'
    | 'pack'
    | 'unpack'
    | 'encode'
    | 'encodeUnder'
    | 'decode'
  > {
  /** The grid that a choice leaves. `cells`: as the choice rounds. */
  grid(choice: FitChoice): UniformGrid;
  /** Parts of the full range that the kernel's search tries; empty where there is nothing to gain. */
  readonly parts: Float32Array;
  /** Levels that lie mirrored around 0: where the kernel looks for their scale, in place of `parts`. */
  readonly window?: CentredWindow;
}

/** Where and how hard to look for the scale of mirrored levels. */
export type CentredWindow = Pick<CentredSpec, 'narrowest' | 'widest' | 'rounds' | 'looks' | 'passes'>;

const FULL_RANGE = new Float32Array(0);

/** A format of evenly spaced levels: integers, mid-rise, dead zone. Every range search and rounding works on it. */
export function uniformFormat(row: UniformRow): NumberFormat {
  const { bits, symmetricZero } = row;
  const signed = row.minCode < 0;
  const Codes = bits > 8 ? (signed ? Int16Array : Uint16Array) : signed ? Int8Array : Uint8Array;
  const plain = row.grid({}).cells;
  /** Codes are counted from the middle of a cell, levels from real 0. */
  const shift = plain.shape === 'rise' ? 0.5 : 0;
  const rangeOf = (choice: FitChoice): RangeRow => ranges[choice.range ?? row.defaultRange];

  /** What the kernel needs to fit blocks by itself; undefined where the search has to. */
  const kernelSpec = (grid: UniformGrid, choice: FitChoice): FitSpec | undefined => {
    const { kernel, centred } = rangeOf(choice);
    if (!kernel || grid.cells.realZero || hasPowerScale(choice)) return undefined;
    if (centred && !grid.fixedZero) return undefined;
    if (grid.cells.shape !== 'tread') {
      if (kernel !== 'full') return undefined;
      const reach = reachOf(grid);
      return { minCode: -reach, maxCode: reach, zeroPoint: 0, signedScale: false, ratios: FULL_RANGE };
    }
    return {
      minCode: grid.codes.minCode,
      maxCode: grid.codes.maxCode,
      zeroPoint: grid.fixedZero ? grid.codes.symmetricZero : undefined,
      signedScale: bits === 1 || (row.signedScale && !choice.restricted),
      ratios: kernel === 'parts' ? row.parts : FULL_RANGE,
    };
  };

  /** What the kernel needs to search the scale of mirrored levels; undefined where it cannot. */
  const centredSpec = ({ cells, codes }: UniformGrid, choice: FitChoice): CentredSpec | undefined => {
    const { shape, margin } = cells;
    if (shape === 'tread' || !row.window || rangeOf(choice).kernel !== 'parts' || hasPowerScale(choice))
      return undefined;
    const top = codes.maxCode - codes.symmetricZero;
    return { shape, top, margin, ...row.window };
  };

  /** Scale and zero point of the kernel, as they will be stored. */
  const kept = (grid: UniformGrid, scale: number, zero: number): ScaleAndZero => {
    if (grid.cells.shape !== 'tread')
      return {
        scale: storedScale(scale, Math.max(1, reachOf(grid)), grid.choice),
        zeroPoint: grid.codes.symmetricZero,
      };
    return { scale: storedScale(scale, stepsFrom(zero, grid.codes), grid.choice), zeroPoint: zero };
  };

  const zerosOf = (zeroPoint: Codes | undefined, blocks: number) => {
    if (zeroPoint) return Float32Array.from(zeroPoint);
    return new Float32Array(blocks).fill(symmetricZero - shift);
  };

  const codesUnder = async (
    values: Float32Array,
    layout: RowLayout,
    scale: Float32Array,
    zero: Float32Array,
    { cells, codes: range }: UniformGrid,
    { roundUp, firstValue = 0 }: FitChoice,
  ): Promise<Codes> => {
    const { affine } = await kernels();
    const codes = new Codes(values.length);
    if (isPlain(cells)) affine.quantize(values, layout, scale, zero, range, codes);
    else {
      const up = roundUp?.map((x) => (x ? 1 : 0));
      affine.quantizeCells(values, layout, scale, zero, range, cells, firstValue, up, codes);
    }
    return codes;
  };

  const { grid: gridOf, parts: _parts, window: _window, ...said } = row;
  return {
    ...said,
    block: 'free',
    unit: 1,
    bookSize: 0,
    bitsPerWeight: bits,
    scaled: true,
    rounds: true,

    fit(values, importance, choice = {}) {
      const grid = gridOf(choice);
      const { minCode, maxCode } = grid.codes;
      const spec = kernelSpec(grid, choice);
      const centred = centredSpec(grid, choice);
      let params: ScaleAndZero;
      if (centred) params = kept(grid, fitCentredBlockRef(values, importance, centred), 0);
      else if (spec) {
        const [scale, zero] = [new Float32Array(1), new Float32Array(1)];
        fitBlockRef(values, importance, spec, scale, zero, 0);
        params = kept(grid, scale[0]!, zero[0]!);
      } else params = rangeOf(choice).search(grid, values, importance);
      const rounding = {
        cells: grid.cells,
        firstValue: choice.firstValue ?? 0,
        ...(choice.roundUp && { roundUp: choice.roundUp }),
      };
      return { scale: params.scale, zeroPoint: params.zeroPoint, minCode, maxCode, rounding };
    },

    round(values, at, params, unitIndex) {
      const { cells = plain, firstValue = 0, roundUp } = params.rounding ?? {};
      const key = cells.rounding === 'stochastic' ? roundingKey(cells.seed) : 0;
      const { scale, zeroPoint, minCode, maxCode } = params;
      const up = roundUp?.[unitIndex] ? 1 : 0;
      const code = cellOf(values[at]!, scale, zeroPoint, cells, key, firstValue + unitIndex, up);
      return code < minCode ? minCode : code > maxCode ? maxCode : code + 0;
    },

    value(code, { scale, zeroPoint }, _unit, out, at) {
      out[at] = realOf(code, scale, zeroPoint - shift, plain.margin);
    },

    createCodes: (count) => new Codes(count),
    pack: (codes) =>
      bits < 16
        ? packCodes(codes, bits)
        : new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength).slice(),
    unpack(bytes, count) {
      if (bits < 16) return unpackCodes(bytes, bits, count, signed);
      const codes = new Codes(count);
      new Uint8Array(codes.buffer).set(bytes.subarray(0, codes.byteLength));
      return codes;
    },

    async encode(values, layout, importance, choice = {}) {
      const grid = gridOf(choice);
      const { cells, codes: range } = grid;
      const blocks = layout.rows * Math.ceil(layout.length / layout.block);
      const [scale, zero] = [new Float32Array(blocks), new Float32Array(blocks)];
      const { affine, centred } = await kernels();
      const spec = kernelSpec(grid, choice);
      const mirrored = centredSpec(grid, choice);
      const { search, overExtremes } = rangeOf(choice);
      if (spec || mirrored) {
        if (mirrored) centred.fit(values, importance, layout, mirrored, scale);
        else affine.fit(values, importance, layout, spec!, scale, zero);
        // Below one step of reach (1 bit of mid-rise) the scale itself might not be finite.
        if (choice.scaleType || (cells.shape !== 'tread' && reachOf(grid) < 1))
          for (let i = 0; i < blocks; i++) scale[i] = kept(grid, scale[i]!, zero[i]!).scale;
        if (cells.shape !== 'tread') zero.fill(symmetricZero);
      } else if (rangeOf(choice).kernel === 'parts' && hasPowerScale(choice) && !cells.realZero) {
        const createCodes = (count: number) => new Codes(count);
        searchPowerScales(affine, grid, values, importance, layout, createCodes, scale, zero);
      } else if (overExtremes) {
        const [lows, highs] = [scale.slice(), scale.slice()];
        affine.extremes(values, layout, lows, highs);
        const holdsZero = !cells.realZero;
        for (let i = 0; i < blocks; i++) {
          const [min, max] = [lows[i]!, highs[i]!];
          const range = holdsZero ? { min: Math.min(0, min), max: Math.max(0, max) } : { min, max };
          const params = overExtremes(grid, range);
          scale[i] = params.scale;
          zero[i] = params.zeroPoint;
        }
      } else {
        eachBlock(layout, (from, to, at) => {
          const params = search(grid, values.subarray(from, to), importance?.subarray(from, to));
          scale[at] = params.scale;
          zero[at] = params.zeroPoint;
        });
      }
      const codes = await codesUnder(values, layout, scale, zero, grid, choice);
      if (cells.realZero) return { codes, scale, realZero: zero };
      const implied = grid.fixedZero && range.symmetricZero === symmetricZero;
      return { codes, scale, zeroPoint: implied ? undefined : Codes.from(zero) };
    },

    encodeUnder(values, layout, { scale, zeroPoint, realZero }, choice = {}) {
      const zero =
        realZero ??
        (zeroPoint ? Float32Array.from(zeroPoint) : new Float32Array(scale.length).fill(symmetricZero));
      return codesUnder(values, layout, scale, zero, gridOf(choice), choice);
    },

    decode({ codes, scale, zeroPoint, realZero }, layout) {
      const out = new Float32Array(codes.length);
      const zero = realZero ?? zerosOf(zeroPoint, scale.length);
      kernelsNow().affine.dequantize(codes, layout, scale, zero, plain.margin, out);
      return out;
    },
  };
}

/** Nearest codes around an integer zero point, ties to even: QuantizeLinear of ONNX, the fastest loop. */
const isPlain = ({ shape, rounding, realZero }: Cells) =>
  shape === 'tread' && rounding === 'half-even' && !realZero;

/** Cells as a choice rounds them. */
export function roundedAs(shape: Pick<Cells, 'shape' | 'margin' | 'realZero'>, choice: FitChoice): Cells {
  return {
    ...shape,
    rounding: choice.roundUp ? 'mask' : (choice.rounding ?? 'half-even'),
    seed: choice.seed ?? 0,
  };
}
