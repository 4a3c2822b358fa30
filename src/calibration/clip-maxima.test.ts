import { join } from 'node:path';
import { expect, test } from 'vitest';
import { glyph, SIDE } from '../../examples/glyphs/glyphs.ts';
import { arrayDataset } from '../data/index.ts';
import { openFile } from '../files/index.ts';
import { encodeOnnx, equalize, type Model, readOnnx, simplify } from '../graph/index.ts';
import { createRuntime } from '../runtime/index.ts';
import { float32 } from '../tensor/index.ts';
import { clipMaxima } from './clip-maxima.ts';

/** The first `count` glyphs of a seed, as the network wants them. */
function pixels(count: number, seed: number) {
  const data = new Float32Array(count * SIDE * SIDE);
  for (let i = 0; i < count; i++) {
    data.set(
      [...glyph(i, seed).pixels].map((p) => (p / 255 - 0.3) / 0.25),
      i * SIDE * SIDE,
    );
  }
  return float32([count, 1, SIDE, SIDE], data);
}

test('with measured maxima the Clips stay, and the network computes the same where it was measured, nearly so elsewhere', async () => {
  const runtime = await createRuntime('native', { threads: 1 });
  try {
    const path = join(import.meta.dirname, '../../examples/glyphs/glyphs.onnx');
    const model = await readOnnx(await openFile(path));
    await simplify(model);
    const before = model.clone();
    const dataset = arrayDataset({ inputs: { pixels: pixels(300, 3) } });
    const maxima = await clipMaxima({ model, dataset, runtime });
    expect(maxima.size).toBeGreaterThan(8);
    const { changes } = await equalize(model, { maxima });
    expect(changes).toBeGreaterThan(8);
    const clips = ({ graph }: Model) => [...graph.nodes].filter((n) => n.op === 'Clip').length;
    expect(clips(model)).toBe(clips(before));

    const logits = async (m: Model, seed: number) => {
      const session = await runtime.load(await encodeOnnx(m));
      return (await session.run({ pixels: pixels(200, seed) })).logits!.data as Float32Array;
    };
    const worst = async (seed: number) => {
      const [wanted, got] = [await logits(before, seed), await logits(model, seed)];
      const largest = Math.max(...wanted.map(Math.abs));
      return Math.max(...wanted.map((w, i) => Math.abs(w - got[i]!))) / largest;
    };
    expect(await worst(3)).toBeLessThan(1e-4);
    // A channel may go further on new pictures than the headroom that measuring left it.
    expect(await worst(4)).toBeLessThan(0.02);
  } finally {
    await runtime.close();
  }
});
