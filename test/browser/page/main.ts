import { quantize, type Recipe } from 'lowbit';
import { memoryFolder, memorySource } from 'lowbit/files';
import { glyphDataset } from '../../../examples/glyphs/glyph-dataset.ts';

/** What the test calls in the page: quantizes glyphs.onnx and gives the bytes of the result as base64. */
async function quantizeGlyphs(recipe: Recipe): Promise<string> {
  const model = new Uint8Array(await (await fetch('/glyphs.onnx')).arrayBuffer());
  const output = memoryFolder();
  await quantize({
    ...recipe,
    model: { source: memorySource(model, 'glyphs.onnx') },
    calibrate: glyphDataset({ seed: 1, size: 64 }),
    evaluate: glyphDataset({ seed: 2, size: 64 }),
    output,
    measure: { runs: 0 },
  });
  const bytes = [...output.files.values()][0]!;
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

/** Makes a GGUF file of a model at a URL; its bytes as base64. */
async function makeGguf(model: string, recipe: Recipe): Promise<string> {
  const output = memoryFolder();
  await quantize({ ...recipe, model: new URL(model, location.href).href, output });
  const blob = new Blob([...output.files.values()] as Uint8Array<ArrayBuffer>[]);
  const reader = new FileReader();
  await new Promise((resolve) => {
    reader.onload = resolve;
    reader.readAsDataURL(blob);
  });
  return String(reader.result).replace(/^.*,/, '');
}

declare global {
  interface Window {
    quantizeGlyphs?: typeof quantizeGlyphs;
    makeGguf?: typeof makeGguf;
  }
}
window.makeGguf = makeGguf;
window.quantizeGlyphs = quantizeGlyphs;
