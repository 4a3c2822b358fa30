import { decodePicture } from '#data-platform';
import { fail, LowbitError } from '../../tensor/index.ts';
import { folderLabels, samplesOf } from '../class-folders.ts';
import type { Picture, PictureRequest } from '../picture.ts';
import type { Rows } from '../rows.ts';
import type { Reader, ReadRequest } from './reader.ts';

export const pictureExtensions = ['.jpg', '.jpeg', '.png', '.webp', '.gif', '.avif', '.tif', '.tiff', '.bmp'];

const isPicture = (path: string) => pictureExtensions.some((end) => path.toLowerCase().endsWith(end));

/** A picture file above this is not decoded. */
const maxFileBytes = 128 * 2 ** 20;

/** A folder of pictures, decoded as batches ask for them; class folders are labels. */
export const images: Reader = {
  description: 'picture files of a folder, or named in a table; subfolders can be classes',
  extensions: pictureExtensions,
  hasLabels: async (request) => (await samplesOf(request, isPicture)).classes !== undefined,
  labelsAreFolders: true,
  guess({ picture, note }) {
    const gray = picture?.channels === 1;
    const [height, width] = [picture?.height, picture?.width];
    if (typeof height !== 'number' || typeof width !== 'number') return gray ? { channels: 'gray' } : {};
    note(`pictures are stretched to ${height} x ${width} (height x width), in ${gray ? 'grey' : 'RGB'}`);
    return { ...(gray && { channels: 'gray' }), resize: [height, width] };
  },
  async open(request): Promise<Rows> {
    if (request.labels === true) return folderLabels(request, isPicture);
    const { folder, path, spec } = request;
    const { paths } = await samplesOf(request, isPicture);
    const source = path === '.' ? folder.name : path;
    if (paths.length === 0) fail('data/empty', { path: source });
    const wanted: PictureRequest = { resize: spec.resize, crop: spec.crop, gray: spec.channels === 'gray' };
    const first = await decode(request, paths[0]!, wanted);
    const dims = [first.height, first.width, first.channels];
    return {
      source,
      count: paths.length,
      dtype: 'uint8',
      dims,
      layout: 'NHWC',
      async read(start, count) {
        const size = first.data.length;
        const data = new Uint8Array(count * size);
        for (let i = 0; i < count; i++) {
          const file = paths[start + i]!;
          const picture = start + i === 0 ? first : await decode(request, file, wanted);
          const got = [picture.height, picture.width, picture.channels];
          if (String(got) !== String(dims)) {
            const what = `it is ${got.join(' x ')}, the first one ${dims.join(' x ')}; set "resize" in dataset.json`;
            fail('data/image', { file, why: what });
          }
          data.set(picture.data, i * size);
        }
        return { data };
      },
    };
  },
};

async function decode({ folder }: ReadRequest, path: string, wanted: PictureRequest): Promise<Picture> {
  const source = await folder.open(path);
  if (source.size > maxFileBytes) {
    fail('data/too-large', { file: path, what: 'its size in bytes', got: source.size, limit: maxFileBytes });
  }
  const bytes = await source.read(0, source.size);
  try {
    return await decodePicture(bytes, wanted);
  } catch (cause) {
    if (cause instanceof LowbitError) throw cause;
    fail('data/image', { file: path, why: (cause as Error).message.replace(/\.$/, '') }, cause);
  }
}
