import { fail } from '../../tensor/index.ts';
import { stridedRows } from '../rows.ts';
import type { Reader } from './reader.ts';

/** A record: label bytes, then 1024 red, 1024 green and 1024 blue bytes of a 32 x 32 picture. */
const pictureBytes = 3 * 32 * 32;

function cifar(
  description: string,
  labelBytes: Readonly<Record<string, number>>,
  extensions: string[],
): Reader {
  const header = Object.keys(labelBytes).length;
  const record = header + pictureBytes;
  return {
    description,
    extensions,
    hasLabels: async () => true,
    async open({ folder, path, spec, labels = false }) {
      const source = await folder.open(path);
      const count = source.size / record;
      if (!Number.isInteger(count)) {
        const row = `${header} label byte${header === 1 ? '' : 's'} and a 3 x 32 x 32 picture`;
        fail('data/not-whole', { file: path, sizeBytes: source.size, rowBytes: record, row });
      }
      const key = spec.key ?? (labels ? Object.keys(labelBytes).at(-1)! : 'pixels');
      const field = key === 'pixels' ? header : labelBytes[key];
      if (field === undefined) {
        fail('name/unknown', {
          what: `field of ${path}`,
          got: `${key}`,
          known: ['pixels', ...Object.keys(labelBytes)],
        });
      }
      const dims = key === 'pixels' ? [3, 32, 32] : [];
      const layout = key === 'pixels' ? 'NCHW' : undefined;
      return stridedRows({ source, offset: field, stride: record, count, dtype: 'uint8', dims, layout });
    },
  };
}

/** https://www.cs.toronto.edu/~kriz/cifar.html, "binary version". */
export const cifar10: Reader = cifar('CIFAR-10 binary records', { label: 0 }, [
  '_batch.bin',
  '_batch_1.bin',
  '_batch_2.bin',
  '_batch_3.bin',
  '_batch_4.bin',
  '_batch_5.bin',
]);
export const cifar100: Reader = cifar('CIFAR-100 binary records', { coarse: 0, fine: 1 }, []);
