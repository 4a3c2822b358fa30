/**
 * Bad input as a user meets it: the command line refuses it by name with exit code 2, says what to do, and
 * leaves nothing behind.
 */
import { execFile, execFileSync } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memoryFolder, openFile } from '../../src/files/index.ts';
import {
  type Graph,
  loadWeight,
  type Model,
  Node,
  readOnnx,
  weightOf,
  writeOnnx,
} from '../../src/graph/index.ts';
import { bytesOf, type Tensor } from '../../src/tensor/index.ts';

const root = join(import.meta.dirname, '../..');
const glyphs = join(root, 'examples/glyphs/glyphs.onnx');
const asRoot = process.getuid?.() === 0;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lowbit-bad-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Outcome {
  readonly code: number;
  readonly stderr: string;
}

function lowbit(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const cli = join(root, 'dist/apps/cli/main.js');
    execFile(process.execPath, [cli, ...args], { cwd: folder }, (error, _stdout, stderr) => {
      // Temporary folders differ from run to run; the words do not.
      resolve({
        code: error === null ? 0 : Number(error.code),
        stderr: stderr.replaceAll(folder, '<folder>').trim(),
      });
    });
  });
}

/** Runs a quantization that must be refused, in a folder that must stay as it was. */
async function refused(model: string, ...args: string[]): Promise<string> {
  const before = (await readdir(folder)).sort();
  const { code, stderr } = await lowbit('quantize', model, '--runs', '0', '--no-memory', ...args);
  expect((await readdir(folder)).sort()).toEqual(before);
  expect(code).toBe(2);
  return stderr;
}

const whole = () => readFile(glyphs);

async function edited(
  name: string,
  edit: (model: Model) => void | Promise<void>,
  externalData = false,
): Promise<string> {
  const model = await readOnnx(await openFile(glyphs));
  await edit(model);
  const output = memoryFolder();
  await writeOnnx(model, { folder: output, name, externalData });
  for (const [file, bytes] of output.files) await writeFile(join(folder, file), bytes);
  return name;
}

/** 28x28 pictures and labels, with the description that binds them to the glyph network. */
async function dataset(
  name: string,
  options: { side?: number; pictures?: number; labels?: number[] },
): Promise<string> {
  const { side = 28, pictures = 4, labels = [0, 1, 2, 3] } = options;
  await mkdir(join(folder, name));
  await writeFile(join(folder, name, 'pixels.u8'), new Uint8Array(pictures * side * side).fill(128));
  await writeFile(join(folder, name, 'labels.u8'), Uint8Array.from(labels));
  const spec = {
    task: 'classification',
    inputs: {
      pixels: {
        file: 'pixels.u8',
        dtype: 'uint8',
        shape: [1, side, side],
        scale: '1/255',
        mean: 0.3,
        std: 0.25,
      },
    },
    labels: { file: 'labels.u8', dtype: 'uint8' },
  };
  await writeFile(join(folder, name, 'dataset.json'), JSON.stringify(spec));
  return name;
}

describe('models', () => {
  test('truncated', async () => {
    await writeFile(join(folder, 'truncated.onnx'), (await whole()).subarray(0, 100_000));
    expect(await refused('truncated.onnx', '--to', 'fp16', '-o', 'x.onnx')).toMatchInlineSnapshot(
      `"error: truncated.onnx is cut off: what starts at byte 19 needs 159187 bytes of file, but there are 100000. Copy or download it again."`,
    );
  });

  test('a flipped bit in a field number', async () => {
    const bytes = await whole();
    bytes[0]! ^= 0x07;
    await writeFile(join(folder, 'flipped.onnx'), bytes);
    expect(await refused('flipped.onnx', '--to', 'fp16', '-o', 'x.onnx')).toMatchInlineSnapshot(
      `"error: flipped.onnx is not an ONNX model: no graph comes before byte 0, where field 'ir_version' of ModelProto has wire type 7. Give a .onnx file."`,
    );
  });

  test('not ONNX at all', async () => {
    await writeFile(join(folder, 'text.onnx'), 'this is no model');
    expect(await refused('text.onnx', '--to', 'fp16', '-o', 'x.onnx')).toMatchInlineSnapshot(
      `"error: text.onnx is not an ONNX model: no graph comes before byte 0, where field 'metadata_props' of ModelProto has wire type 4. Give a .onnx file."`,
    );
  });

  test('a length that lies', async () => {
    // Field 7 (graph), length 2^40.
    await writeFile(
      join(folder, 'lying.onnx'),
      Uint8Array.of(0x08, 0x07, 0x3a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20),
    );
    expect(await refused('lying.onnx', '--to', 'fp16', '-o', 'x.onnx')).toMatchInlineSnapshot(
      `"error: lying.onnx is cut off: what starts at byte 2 needs 1099511627785 bytes of file, but there are 9. Copy or download it again."`,
    );
  });

  test('a cycle', async () => {
    const name = await edited('cycle.onnx', ({ graph }) => {
      graph.add({ op: 'Add', name: 'first', inputs: ['b', 'pixels'], outputs: ['a'] });
      graph.add({ op: 'Relu', name: 'second', inputs: ['a'], outputs: ['b'] });
    }).catch(() => undefined);
    // The writer refuses a cycle too, so the file is made by renaming a value inside the bytes.
    expect(name).toBeUndefined();
    await writeCycle();
    expect(await refused('cycle.onnx', '--to', 'fp16', '-o', 'x.onnx')).toMatchInlineSnapshot(
      `"error: Graph 'torch_jit' has a cycle through Add 'first': a node waits for its own result. The model is not valid ONNX; export it again."`,
    );
  });

  test('missing external data', async () => {
    await edited('external.onnx', () => {}, true);
    await rm(join(folder, 'external.onnx_data'));
    expect(await refused('external.onnx', '--to', 'fp16', '-o', 'x.onnx')).toMatchInlineSnapshot(
      `"error: Tensor 'body.0.f.0.weight' in external.onnx keeps its data in 'external.onnx_data', which cannot be used: there is no such file. Put the data file that belongs to the model beside it."`,
    );
  });

  test('external data outside the folder, by path and by link', async () => {
    await edited('outside.onnx', () => {}, true);
    const bytes = await readFile(join(folder, 'outside.onnx'), 'latin1');
    // Same length, so that no protobuf length changes.
    await writeFile(
      join(folder, 'outside.onnx'),
      bytes.replaceAll('outside.onnx_data', '../../etc/passwd '.slice(0, 17)),
      'latin1',
    );
    expect(await refused('outside.onnx', '--to', 'fp16', '-o', 'x.onnx')).toMatchInlineSnapshot(
      `"error: '../../etc/passwd ', named by outside.onnx, is refused: it holds '..'. Only files inside that folder are used; move the file there and name it relative to it."`,
    );
    await edited('linked.onnx', () => {}, true);
    await rm(join(folder, 'linked.onnx_data'));
    await symlink('/etc/passwd', join(folder, 'linked.onnx_data'));
    expect(await refused('linked.onnx', '--to', 'fp16', '-o', 'x.onnx')).toMatchInlineSnapshot(
      `"error: 'linked.onnx_data', named by linked.onnx, is refused: it is a link that leaves the folder. Only files inside that folder are used; move the file there and name it relative to it."`,
    );
  });

  test.each(['int8-weights', 'int8-dynamic', 'fp16', 'bf16', 'q8-weights'])(
    'a NaN weight, %s',
    async (preset) => {
      const name = await edited(`nan-${preset}.onnx`, ({ graph }) => poison(graph, 'fc.weight'));
      const message = await refused(name, '--to', preset, '-o', 'x.onnx');
      expect(message).toContain('Value 7 of fc.weight is NaN');
    },
  );
});

describe('data', () => {
  test('wrong input shape', async () => {
    const data = await dataset('wrong-shape', { side: 20 });
    expect(await refused(glyphs, '--to', 'int8', '--calibrate', data, '-o', 'x.onnx')).toMatchInlineSnapshot(
      `"error: Input 'pixels' wants samples of [1, 28, 28], but pixels.u8 holds [1, 20, 20]. Check the file, or "shape" and "layout" in dataset.json."`,
    );
  });

  test('empty calibration set', async () => {
    const data = await dataset('empty', { pictures: 0, labels: [] });
    expect(await refused(glyphs, '--to', 'int8', '--calibrate', data, '-o', 'x.onnx')).toMatchInlineSnapshot(
      `"error: The dataset empty has no samples. Give it at least one; calibration works best with 100 to 1000."`,
    );
  });

  test('labels out of range', async () => {
    const data = await dataset('labels', { labels: [0, 1, 99, 3] });
    expect(
      await refused(glyphs, '--to', 'int8', '--calibrate', data, '--evaluate', data, '-o', 'x.onnx'),
    ).toMatchInlineSnapshot(
      `"error: Label 99 of sample 2 in labels.u8 is out of range: the model tells 36 classes apart, 0 to 35. Check that labels and model belong together."`,
    );
  });

  test('no data where it is needed, and a limit without data', async () => {
    expect(await refused(glyphs, '--to', 'int8', '-o', 'x.onnx')).toMatchInlineSnapshot(
      `"error: Preset 'int8' needs data to calibrate its activation ranges, and none was given. Give some with --calibrate (100 to 1000 typical samples), or choose a preset that needs none: int8-dynamic, q8, q4, fp16."`,
    );
    expect(await refused(glyphs, '--to', 'fp16', '--max-drop', '1%', '-o', 'x.onnx')).toMatchInlineSnapshot(
      `"error: The limit '1%' cannot be checked: there is no labelled data to evaluate on. Give some with --evaluate."`,
    );
    expect(await refused(glyphs, '--to', 'fp16', '--max-drop', '1', '-o', 'x.onnx')).toMatchInlineSnapshot(
      `"error: Limit '1' is a bare number, and nobody can tell a fraction from points. Write '1%': percentage points for rates (accuracy, F1), relative percent for errors."`,
    );
  });
});

describe('the output', () => {
  test('a folder that is missing', async () => {
    expect(await refused(glyphs, '--to', 'fp16', '-o', 'missing/x.onnx')).toMatchInlineSnapshot(
      `"error: There is no folder missing. Make it first, or name another one."`,
    );
  });

  test('a file that is there', async () => {
    await writeFile(join(folder, 'there.onnx'), 'mine');
    expect(await refused(glyphs, '--to', 'fp16', '-o', 'there.onnx')).toMatchInlineSnapshot(
      `"error: there.onnx is already there. Choose another name, or replace it with --force."`,
    );
    expect(await readFile(join(folder, 'there.onnx'), 'utf8')).toBe('mine');
  });

  test.skipIf(asRoot)('a folder without rights', async () => {
    await mkdir(join(folder, 'locked'));
    await chmod(join(folder, 'locked'), 0o500);
    expect(await refused(glyphs, '--to', 'fp16', '-o', 'locked/x.onnx')).toMatchInlineSnapshot(
      `"error: locked/x.onnx cannot be written: the rights are missing. Change them, or choose another place."`,
    );
  });

  test('a full disk', async (context) => {
    const disk = join(folder, 'full');
    await mkdir(disk);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32k', 'tmpfs', disk], { stdio: 'ignore' });
    } catch {
      context.skip('a small file system cannot be mounted here: needs root');
    }
    try {
      expect(await refused(glyphs, '--to', 'fp16', '-o', 'full/x.onnx')).toMatchInlineSnapshot(
        `"error: The disk is full: full/x.onnx could not be written. Free some space, or write elsewhere."`,
      );
      expect(await readdir(disk)).toEqual([]);
    } finally {
      execFileSync('umount', [disk]);
    }
  });
});

/** Two nodes that wait for each other, written by hand because our own writer refuses them. */
async function writeCycle(): Promise<void> {
  const model = await readOnnx(await openFile(glyphs));
  const { graph } = model;
  graph.add(new Node({ op: 'Add', name: 'first', inputs: ['later', 'pixels'], outputs: ['early'] }));
  graph.add(new Node({ op: 'Relu', name: 'second', inputs: ['early'], outputs: ['other'] }));
  const output = memoryFolder();
  graph.initializers.set('later', weightOf({ dtype: 'float32', dims: [1], data: Float32Array.of(0) }));
  await writeOnnx(model, { folder: output, name: 'cycle.onnx' });
  // The last 'other' (5 letters, as 'later') becomes 'later': Relu now makes what Add reads.
  const text = Buffer.from(output.files.get('cycle.onnx')!).toString('latin1');
  const at = text.lastIndexOf('other');
  const initializer = text.lastIndexOf('later');
  const swapped = `${text.slice(0, at)}later${text.slice(at + 5)}`;
  const renamed =
    initializer > at ? `${swapped.slice(0, initializer)}spare${swapped.slice(initializer + 5)}` : swapped;
  await cp(glyphs, join(folder, 'cycle.onnx'));
  await writeFile(join(folder, 'cycle.onnx'), renamed, 'latin1');
}

async function poison(graph: Graph, name: string): Promise<void> {
  const weight = graph.constant(name)!;
  const t = await loadWeight(weight);
  const data = new Float32Array(bytesOf(t).slice().buffer);
  data[7] = Number.NaN;
  graph.initializers.set(name, weightOf({ ...t, data } as Tensor<'float32'>));
}
