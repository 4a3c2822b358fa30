import { fail } from '../tensor/index.ts';
import type { DataFolder } from './data-folder.ts';
import type { Picture, PictureRequest } from './picture.ts';

/** A page has no paths: data comes as files the user chose, or is made in code. */
export async function openLocation(path: string): Promise<{ folder: DataFolder; file?: string }> {
  fail('data/not-guessed', {
    path,
    why: 'a page cannot open paths; use fileDataFolder(files), arrayDataset or generatedDataset',
  });
}

/** Decodes, resizes and cuts one picture with the browser's own decoder. */
export async function decodePicture(bytes: Uint8Array, request: PictureRequest): Promise<Picture> {
  const bitmap = await createImageBitmap(new Blob([bytes as Uint8Array<ArrayBuffer>]), {
    colorSpaceConversion: 'none',
    premultiplyAlpha: 'none',
  });
  const { resize, crop, gray } = request;
  let [height, width] = [bitmap.height, bitmap.width];
  if (typeof resize === 'number') {
    const factor = resize / Math.min(height, width);
    [height, width] = [Math.round(height * factor), Math.round(width * factor)];
  } else if (resize !== undefined) [height, width] = resize;
  const [outHeight, outWidth] = crop ?? [height, width];
  if (outHeight > height || outWidth > width) {
    throw new Error(`it is ${height} x ${width}, smaller than the ${outHeight} x ${outWidth} cut`);
  }
  const canvas = new OffscreenCanvas(outWidth, outHeight);
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, (outWidth - width) / 2, (outHeight - height) / 2, width, height);
  bitmap.close();
  const { data } = context.getImageData(0, 0, outWidth, outHeight);
  const channels = gray ? 1 : 3;
  const out = new Uint8Array(outHeight * outWidth * channels);
  for (let p = 0; p < outHeight * outWidth; p++) {
    const [r, g, b] = [data[4 * p]!, data[4 * p + 1]!, data[4 * p + 2]!];
    if (gray) out[p] = Math.round(0.2126 * r + 0.7152 * g + 0.0722 * b);
    else out.set([r, g, b], 3 * p);
  }
  return { height: outHeight, width: outWidth, channels, data: out };
}
