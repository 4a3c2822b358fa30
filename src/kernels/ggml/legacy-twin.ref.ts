import type { BlockTwin } from './block-twin.ts';
import { halfValue } from './half.ref.ts';
import { bestAffine, onePassAffine, searchedAffine } from './legacy-affine.ref.ts';
import { packCodes, unpackCodes } from './legacy-packing.ref.ts';
import {
  bestScale,
  onePassScale,
  type ScaleFormat,
  searchedScale,
  searchWeights,
} from './legacy-scale.ref.ts';

const f = Math.fround;
const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Q4_0 and Q5_0: a float16 scale, then 32 codes; x = d · (code - levels). */
export function scaleTwin(bits: 4 | 5, format: ScaleFormat): BlockTwin {
  const blockBytes = bits === 4 ? 18 : 22;
  return {
    encode(values, importance, search, out) {
      const view = viewOf(out);
      const codes = new Uint8Array(32);
      const weights = importance && search === 'reference' ? searchWeights(values, importance) : importance;
      for (let at = 0, to = 0; at < values.length; at += 32, to += blockBytes) {
        const x = values.subarray(at, at + 32);
        const w = weights?.subarray(at, at + 32);
        const scale =
          search === 'best'
            ? bestScale(x, w, format, codes)
            : w
              ? searchedScale(x, w, format, codes)
              : onePassScale(x, format, codes);
        view.setUint16(to, scale, true);
        packCodes(codes, bits, view, to + 2);
      }
    },
    decode(bytes, out) {
      const view = viewOf(bytes);
      const codes = new Uint8Array(32);
      for (let at = 0, from = 0; at < out.length; at += 32, from += blockBytes) {
        const d = halfValue(view.getUint16(from, true));
        unpackCodes(view, from + 2, bits, codes);
        for (let i = 0; i < 32; i++) out[at + i] = d * (codes[i]! - format.levels);
      }
    },
  };
}

/** Q4_1 and Q5_1: a float16 scale and minimum, then 32 codes; x = d · code + m. */
export function affineTwin(bits: 4 | 5): BlockTwin {
  const blockBytes = bits === 4 ? 20 : 24;
  const top = bits === 4 ? 15 : 31;
  return {
    encode(values, importance, search, out) {
      const view = viewOf(out);
      const codes = new Uint8Array(32);
      const weights = importance && search === 'reference' ? searchWeights(values, importance) : importance;
      for (let at = 0, to = 0; at < values.length; at += 32, to += blockBytes) {
        const x = values.subarray(at, at + 32);
        const w = weights?.subarray(at, at + 32);
        const { d, m } =
          search === 'best'
            ? bestAffine(x, w, top, codes)
            : w
              ? searchedAffine(x, w, top, codes)
              : onePassAffine(x, top, codes);
        view.setUint16(to, d, true);
        view.setUint16(to + 2, m, true);
        packCodes(codes, bits, view, to + 4);
      }
    },
    decode(bytes, out) {
      const view = viewOf(bytes);
      const codes = new Uint8Array(32);
      for (let at = 0, from = 0; at < out.length; at += 32, from += blockBytes) {
        const d = halfValue(view.getUint16(from, true));
        const m = halfValue(view.getUint16(from + 2, true));
        unpackCodes(view, from + 4, bits, codes);
        for (let i = 0; i < 32; i++) out[at + i] = f(f(d * codes[i]!) + m);
      }
    },
  };
}
