import type { BlockTwin } from './block-twin.ts';
import { bestGridBlock } from './grid-best.ref.ts';
import type { GridBlock, GridFormat } from './grid-format.ref.ts';
import { referenceGridBlock } from './grid-reference.ref.ts';
import { halfValue } from './half.ref.ts';

/** How a type lays a block out. */
export interface GridPacking {
  readonly bytes: number;
  /** `bytes`: one block, all zero. */
  pack(block: GridBlock, bytes: Uint8Array, view: DataView): void;
  unpack(bytes: Uint8Array, view: DataView): GridBlock;
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The twin of a grid type. Where best search has nothing to go by (all zero, float32 overflow) it is reference. */
export function gridTwin(format: GridFormat, packing: GridPacking): BlockTwin {
  const { grid, levels, unit, group } = format;
  return {
    encode(values, importance, search, out) {
      for (let at = 0, to = 0; at < values.length; at += 256, to += packing.bytes) {
        const x = values.subarray(at, at + 256);
        const w = importance?.subarray(at, at + 256);
        const block =
          (search === 'best' ? bestGridBlock(format, x, w) : undefined) ?? referenceGridBlock(format, x, w);
        const bytes = out.subarray(to, to + packing.bytes).fill(0);
        packing.pack(block, bytes, viewOf(bytes));
      }
    },
    decode(bytes, out) {
      for (let at = 0, from = 0; at < out.length; at += 256, from += packing.bytes) {
        const one = bytes.subarray(from, from + packing.bytes);
        const block = packing.unpack(one, viewOf(one));
        const d = halfValue(block.d);
        for (let i = 0; i < 256; i++) {
          const scale = d * unit * (block.scales[Math.floor(i / group)]! + 0.5);
          const code = block.codes[Math.floor(i / grid.dimensions)]!;
          const level = (code >> (grid.levelBits * (i % grid.dimensions))) & (2 ** grid.levelBits - 1);
          const minus = (block.signs[i >> 3]! >> (i & 7)) & 1;
          out[at + i] = scale * levels[level]! * (minus ? -1 : 1);
        }
      }
    },
  };
}
