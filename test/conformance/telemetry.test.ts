import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { projectRoot } from '../run-lowbit.ts';

/** What a run and a measurement of memory do in a process that has nothing but an empty home. */
const script = `
  import { createRuntime, measureMemory } from 'lowbit/runtime';
  const runtime = await createRuntime('native', { threads: 1 });
  const session = await runtime.load({ path: 'examples/glyphs/glyphs.onnx' });
  const feeds = {
    pixels: { dtype: 'float32', dims: [1, 1, 28, 28], data: new Float32Array(784) },
  };
  await session.run(feeds);
  await session.release();
  await runtime.close();
  const options = { runtime: 'native', threads: 1, runs: 1 };
  await measureMemory({ path: 'examples/glyphs/glyphs.onnx' }, feeds, options);
`;

test('ONNX Runtime keeps no record of its use: nothing is left in the home and the temporary folder', async () => {
  const home = await mkdtemp(join(tmpdir(), 'lowbit-home-'));
  try {
    const { ORT_DISABLE_TELEMETRY: _, XDG_CACHE_HOME: __, ...env } = process.env;
    await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      cwd: projectRoot,
      env: { ...env, HOME: home, TMPDIR: home },
    });
    expect(await readdir(home)).toEqual([]);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});
