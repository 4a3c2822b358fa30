import { type Dataset, generatedDataset } from 'lowbit/data';
import { float32 } from 'lowbit/tensor';
import { CLASSES, glyph, SIDE } from './glyphs.ts';

/** What the network was trained with: pixels in [0, 1], less the mean, divided by the deviation. */
const MEAN = 0.3;
const STD = 0.25;

/**
 * Pictures [start, start + size) of a stream as the network's input `pixels` [batch, 1, 28, 28]. It was trained
 * on seed 1; calibrate on that, and evaluate on seed 2, which it never saw.
 */
export function glyphDataset({
  seed,
  size,
  start = 0,
}: {
  seed: number;
  size: number;
  start?: number;
}): Dataset {
  const drawn = new Map<number, ReturnType<typeof glyph>>();
  return generatedDataset({
    name: `glyphs (seed ${seed})`,
    size,
    task: 'classification',
    labelNames: CLASSES,
    sample(index) {
      let picture = drawn.get(index);
      if (picture === undefined) drawn.set(index, (picture = glyph(start + index, seed)));
      const { label, pixels } = picture;
      const values = Float32Array.from(pixels, (p) => (p / 255 - MEAN) / STD);
      return { inputs: { pixels: float32([1, SIDE, SIDE], values) }, label };
    },
  });
}
