import { lstat, open, readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path';
import type { ByteSource } from '../files/index.ts';
import { fail } from '../tensor/index.ts';
import { byPath, checkRange, type DataEntry, type DataFolder, isUnder } from './data-folder.ts';
import type { Picture, PictureRequest } from './picture.ts';

/** A path on this machine: a folder, or a file and the folder it lies in. */
export async function openLocation(path: string): Promise<{ folder: DataFolder; file?: string }> {
  const found = await stat(path).catch((cause) => fail('data/missing', { path }, cause));
  if (found.isDirectory()) return { folder: await diskFolder(path) };
  return { folder: await diskFolder(dirname(path)), file: basename(path) };
}

/** More files than this are listed in no reasonable time; a file format with an index serves better. */
const maxFiles = 2_000_000;

async function diskFolder(path: string): Promise<DataFolder> {
  const root = await realpath(path);
  return {
    name: path,
    async list(under = '') {
      const entries: DataEntry[] = [];
      await walk(join(root, under), under, entries, path);
      return entries.filter((e) => isUnder(e.path, under)).sort(byPath);
    },
    async open(location) {
      const full = join(root, location);
      const real = await realpath(full).catch((cause) =>
        fail('data/missing', { path: join(path, location) }, cause),
      );
      const inside = relative(root, real);
      if (inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) {
        fail('data/unsafe-location', { spec: path, location });
      }
      const found = await stat(real);
      if (!found.isFile()) fail('data/missing', { path: join(path, location) });
      return fileSource(real, location, found.size);
    },
  };
}

async function walk(folder: string, prefix: string, into: DataEntry[], name: string): Promise<void> {
  const items = await readdir(folder, { withFileTypes: true }).catch((cause) =>
    fail('data/missing', { path: folder }, cause),
  );
  for (const item of items) {
    if (item.name.startsWith('.')) continue;
    const path = prefix === '' ? item.name : `${prefix}/${item.name}`;
    if (item.isDirectory()) await walk(join(folder, item.name), path, into, name);
    else if (item.isFile()) into.push({ path, sizeBytes: (await lstat(join(folder, item.name))).size });
    if (into.length > maxFiles) {
      fail('data/too-large', { file: name, what: 'the number of files', got: into.length, limit: maxFiles });
    }
  }
}

/** Opens the file for each read: a dataset of a million pictures must not hold a million handles. */
function fileSource(path: string, name: string, size: number): ByteSource {
  return {
    name,
    size,
    async read(offset, length) {
      checkRange(name, size, offset, length);
      const bytes = new Uint8Array(length);
      const file = await open(path);
      try {
        let done = 0;
        while (done < length) {
          const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
          if (bytesRead === 0)
            fail('data/truncated', { file: name, got: offset + done, wanted: offset + length });
          done += bytesRead;
        }
      } finally {
        await file.close();
      }
      return bytes;
    },
  };
}

/** 64 megapixels: above any camera, and 200 MB decoded. */
const maxPixels = 64 * 2 ** 20;

/** Decodes, resizes and cuts one picture with sharp. */
export async function decodePicture(bytes: Uint8Array, request: PictureRequest): Promise<Picture> {
  const { default: sharp } = await import('sharp');
  const open = () => sharp(bytes, { limitInputPixels: maxPixels, failOn: 'error' }).rotate();
  let image = open();
  const { resize, crop, gray } = request;
  if (typeof resize === 'number') {
    const { autoOrient } = await image.metadata();
    const shorter = autoOrient.width <= autoOrient.height ? { width: resize } : { height: resize };
    image = image.resize(shorter);
  } else if (resize !== undefined) {
    image = image.resize({ height: resize[0], width: resize[1], fit: 'fill' });
  }
  if (crop !== undefined) {
    const { data, info } = await image.png({ compressionLevel: 0 }).toBuffer({ resolveWithObject: true });
    const [height, width] = crop;
    if (info.height < height || info.width < width) {
      throw new Error(`it is ${info.height} x ${info.width}, smaller than the ${height} x ${width} cut`);
    }
    const left = Math.round((info.width - width) / 2);
    const top = Math.round((info.height - height) / 2);
    image = sharp(data).extract({ left, top, width, height });
  }
  image = gray ? image.toColourspace('b-w') : image.toColourspace('srgb');
  const { data, info } = await image.removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { height: info.height, width: info.width, channels: info.channels, data };
}
