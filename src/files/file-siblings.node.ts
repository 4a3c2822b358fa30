import { realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { fail } from '../tensor/index.ts';
import type { Siblings } from './bytes.ts';
import { fileError } from './file-error.node.ts';
import { openFileSource } from './file-source.node.ts';
import { safeLocation } from './safe-location.ts';

/** The folder of a model file. A location is opened only if it lies inside after every link is followed. */
export function fileSiblings(modelPath: string): Siblings {
  const folder = dirname(modelPath);
  return {
    async open(location) {
      const path = join(folder, ...safeLocation(location, modelPath));
      const [home, real] = await Promise.all([resolved(folder), resolved(path)]);
      const root = home.endsWith(sep) ? home : home + sep;
      if (!real.startsWith(root)) {
        fail('file/unsafe-location', {
          location,
          file: modelPath,
          why: 'it is a link that leaves the folder',
        });
      }
      return openFileSource(real, path);
    },
  };
}

async function resolved(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    return fileError(error, path, 'read');
  }
}
