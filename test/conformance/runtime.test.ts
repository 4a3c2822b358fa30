import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFile, openFolder } from '../../src/files/index.ts';
import {
  encodeOnnx,
  Graph,
  Model,
  readOnnx,
  tensorInfo,
  weightOf,
  writeOnnx,
} from '../../src/graph/index.ts';
import { fromFloat32, toFloat32 } from '../../src/numerics/index.ts';
import { createRuntime, type Runtime, type RuntimeName } from '../../src/runtime/index.ts';
import { type DType, float32, LowbitError, type Tensor, tensor } from '../../src/tensor/index.ts';

/**
 * One suite for every runtime: the same small models, the same answers, the same error texts. `webgpu` needs
 * a graphics adapter and is held to the same suite only where it starts.
 */

const model = (build: (graph: Graph) => void, opset = 21): Model => {
  const graph = new Graph('test');
  build(graph);
  const made = new Model(graph);
  made.opsets.set('', opset);
  return made;
};

/** y = x W + 10, W = [[1, 2], [3, 4], [5, 6]]. */
const linear = model((g) => {
  g.inputs = [tensorInfo('x', 'float32', ['batch', 3])];
  g.outputs = [tensorInfo('y', 'float32', ['batch', 2]), tensorInfo('xw', 'float32', ['batch', 2])];
  g.initializers.set('W', weightOf(float32([3, 2], [1, 2, 3, 4, 5, 6])));
  g.initializers.set('b', weightOf(float32([2], [10, 10])));
  g.add({ op: 'MatMul', inputs: ['x', 'W'], outputs: ['xw'] });
  g.add({ op: 'Add', inputs: ['xw', 'b'], outputs: ['y'] });
});

const identity = (dtype: DType) =>
  model((g) => {
    g.inputs = [tensorInfo('x', dtype, ['n'])];
    g.outputs = [tensorInfo('y', dtype, ['n'])];
    g.add({ op: 'Identity', inputs: ['x'], outputs: ['y'] });
  });

const builtIndex = pathToFileURL(resolve(import.meta.dirname, '../../dist/src/runtime/index.js')).href;

const x12 = float32([2, 3], [1, 1, 1, 0, 1, 2]);

async function failure(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof LowbitError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('nothing was thrown');
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lowbit-runtime-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each<RuntimeName>(['native', 'wasm'])('%s', (name) => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await createRuntime(name, { threads: 1 });
  });
  afterAll(() => runtime.close());

  test('says who it is', () => {
    expect(runtime.name).toBe(name);
    expect(runtime.threads).toBe(1);
    expect(runtime.version).toMatch(name === 'native' ? /^onnxruntime-node \d/ : /^onnxruntime-web \d/);
  });

  test('lists ports and computes', async () => {
    const session = await runtime.load(await encodeOnnx(linear));
    expect(session.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: ['batch', 3] }]);
    expect(session.outputs.map((port) => port.name)).toEqual(['y', 'xw']);
    const { y, xw } = await session.run({ x: x12 });
    expect(y).toEqual(float32([2, 2], [19, 22, 23, 26]));
    expect(xw).toEqual(float32([2, 2], [9, 12, 13, 16]));
    expect(Object.keys(await session.run({ x: x12 }, ['xw']))).toEqual(['xw']);
    await session.release();
  });

  test('shows a dimension without a name as an empty one', async () => {
    const unnamed = model((g) => {
      g.inputs = [tensorInfo('x', 'float32', [undefined, 3])];
      g.outputs = [tensorInfo('y', 'float32', [undefined, 3])];
      g.add({ op: 'Neg', inputs: ['x'], outputs: ['y'] });
    });
    const session = await runtime.load(await encodeOnnx(unnamed));
    expect(session.inputs[0]!.shape).toEqual(['', 3]);
    await session.release();
  });

  const values = [0, 1, 2, 100];
  test.each<[DType, Tensor]>([
    ['float32', tensor('float32', [4], Float32Array.from(values))],
    ['float64', tensor('float64', [4], Float64Array.from(values))],
    ['float16', fromFloat32(Float32Array.from(values), [4], 'float16')],
    ['int64', tensor('int64', [4], BigInt64Array.from(values, BigInt))],
    ['int32', tensor('int32', [4], Int32Array.from(values))],
    ['int16', tensor('int16', [4], Int16Array.from(values))],
    ['int8', tensor('int8', [4], Int8Array.from(values))],
    ['uint64', tensor('uint64', [4], BigUint64Array.from(values, BigInt))],
    ['uint32', tensor('uint32', [4], Uint32Array.from(values))],
    ['uint16', tensor('uint16', [4], Uint16Array.from(values))],
    ['uint8', tensor('uint8', [4], Uint8Array.from(values))],
    ['bool', tensor('bool', [4], Uint8Array.from([0, 1, 1, 0]))],
    ['string', tensor('string', [4], ['', 'a', 'bc', 'é'])],
  ])('carries %s', async (dtype, x) => {
    const session = await runtime.load(await encodeOnnx(identity(dtype)));
    expect(await session.run({ x })).toEqual({ y: x });
    await session.release();
  });

  test('leaves the caller his arrays, and takes views and shared memory', async () => {
    const session = await runtime.load(await encodeOnnx(linear));
    const wide = Float32Array.from([7, 7, 1, 1, 1, 7]);
    const view = wide.subarray(2, 5);
    const shared = new Float32Array(new SharedArrayBuffer(12));
    shared.set(view);
    for (const data of [view, shared as Float32Array<ArrayBufferLike>]) {
      const { y } = await session.run({ x: { dtype: 'float32', dims: [1, 3], data } as Tensor });
      expect(y).toEqual(float32([1, 2], [19, 22]));
      expect(data).toHaveLength(3);
    }
    expect(wide).toEqual(Float32Array.from([7, 7, 1, 1, 1, 7]));
    await session.release();
  });

  test("leaves Node's Buffers, whose slice is a view, with the caller", async () => {
    const session = await runtime.load(await encodeOnnx(identity('uint8')));
    const data = Buffer.from([1, 2, 3, 4]);
    for (const _ of [1, 2]) {
      const { y } = await session.run({ x: { dtype: 'uint8', dims: [4], data } as Tensor });
      expect(y).toEqual(tensor('uint8', [4], Uint8Array.of(1, 2, 3, 4)));
    }
    expect([...data]).toEqual([1, 2, 3, 4]);
    await session.release();
  });

  test('runs several sessions at once', async () => {
    const sessions = await Promise.all(
      [1, 2, 3].map(async (factor) => {
        const scaled = model((g) => {
          g.inputs = [tensorInfo('x', 'float32', ['n'])];
          g.outputs = [tensorInfo('y', 'float32', ['n'])];
          g.initializers.set('factor', weightOf(float32([], [factor])));
          g.add({ op: 'Mul', inputs: ['x', 'factor'], outputs: ['y'] });
        });
        return runtime.load(await encodeOnnx(scaled));
      }),
    );
    const jobs = Array.from({ length: 30 }, async (_, i) => {
      const { y } = await sessions[i % 3]!.run({ x: float32([2], [i, 1]) });
      return [...toFloat32(y!)];
    });
    const wanted = Array.from({ length: 30 }, (_, i) => [i * ((i % 3) + 1), (i % 3) + 1]);
    expect(await Promise.all(jobs)).toEqual(wanted);
    await Promise.all(sessions.map((session) => session.release()));
  });

  test('times runs', async () => {
    const session = await runtime.load(await encodeOnnx(linear));
    const times = await session.time({ x: x12 }, { warmup: 1, runs: 5 });
    expect(times).toHaveLength(5);
    expect(times.every((ms) => ms >= 0 && ms < 10_000)).toBe(true);
    await session.release();
  });

  test('loads a path with external data, and bytes with it', async () => {
    const file = `external-${name}.onnx`;
    await writeOnnx(bigEnough, { folder: await openFolder(folder), name: file, externalData: true });
    const { source, siblings } = await openFile(join(folder, file));
    const bytes = await source.read(0, source.size);
    const location = `${file}_data`;
    const data = await siblings.open(location);
    const externalData = [{ path: location, data: await data.read(0, data.size) }];
    expect(data.size).toBeGreaterThanOrEqual(4096);
    for (const form of [{ path: join(folder, file) }, { bytes, externalData }]) {
      const session = await runtime.load(form);
      const { y } = await session.run({ x: float32([1], [2]) });
      expect(toFloat32(y!)[1023]).toBe(2046);
      await session.release();
    }
  });

  test('names what is wrong with feeds before anything runs', async () => {
    const session = await runtime.load(await encodeOnnx(linear), { name: 'linear.onnx' });
    const say = async (feeds: Record<string, Tensor>) => (await failure(session.run(feeds))).message;
    expect(await say({})).toMatchInlineSnapshot(
      `"Input 'x' of linear.onnx got nothing, wanted float32 [batch, 3]. Check the names, types and layout of the data against the model's inputs."`,
    );
    expect(await say({ x: x12, z: x12 })).toMatchInlineSnapshot(
      `"Input 'z' of linear.onnx got a tensor, wanted one of 'x'. Check the names, types and layout of the data against the model's inputs."`,
    );
    expect(await say({ x: float32([3], [1, 2, 3]) })).toMatchInlineSnapshot(
      `"Input 'x' of linear.onnx got float32 [3], wanted float32 [batch, 3]. Check the names, types and layout of the data against the model's inputs."`,
    );
    expect(await say({ x: float32([1, 4], [1, 2, 3, 4]) })).toMatchInlineSnapshot(
      `"Input 'x' of linear.onnx got float32 [1, 4], wanted float32 [batch, 3]. Check the names, types and layout of the data against the model's inputs."`,
    );
    expect(await say({ x: tensor('int32', [1, 3], Int32Array.of(1, 2, 3)) })).toMatchInlineSnapshot(
      `"Input 'x' of linear.onnx got int32 [1, 3], wanted float32 [batch, 3]. Check the names, types and layout of the data against the model's inputs."`,
    );
    expect(await say({ x: float32([2, 3], [1, 2, 3]) })).toMatchInlineSnapshot(
      `"Input 'x' of linear.onnx got 3 elements, wanted 6 for shape float32 [2, 3]. Check the names, types and layout of the data against the model's inputs."`,
    );
    expect((await failure(session.run({ x: x12 }, ['logits']))).message).toMatchInlineSnapshot(
      `"Unknown output 'logits'. Known: y, xw."`,
    );
    expect((await failure(session.time({}, { warmup: 0, runs: 1 }))).code).toBe('runtime/input-mismatch');
    await session.release();
  });

  test('names what cannot be loaded', async () => {
    const garbage = await failure(runtime.load({ bytes: Uint8Array.of(1, 2, 3) }, { name: 'bad.onnx' }));
    expect(garbage.code).toBe('runtime/load-failed');
    expect(garbage.message.replace(runtime.version, 'ORT')).toMatchInlineSnapshot(
      `"ORT cannot load bad.onnx: Failed to load model because protobuf parsing failed. Check that the file is whole and that this version knows its operators."`,
    );
    const unknown = model((g) => {
      g.inputs = [tensorInfo('x', 'float32', [1])];
      g.outputs = [tensorInfo('y', 'float32', [1])];
      g.add({ op: 'NoSuchOp', inputs: ['x'], outputs: ['y'] });
    });
    const noOp = await failure(runtime.load(await encodeOnnx(unknown), { name: 'odd.onnx' }));
    expect(noOp.message).toContain('NoSuchOp');
    expect(noOp.message).toContain('odd.onnx');
    const key = await failure(runtime.load(await encodeOnnx(linear), { config: { banana: '1' } }));
    expect(key.message).toMatchInlineSnapshot(
      `"Session configuration entry 'banana' does not start with 'session.'; no other keys reach ONNX Runtime from here. Write it as 'session.<name>'."`,
    );
  });

  test('refuses ports that JavaScript cannot hold', async () => {
    const bfloat = model((g) => {
      g.inputs = [tensorInfo('x', 'float32', [1])];
      g.outputs = [tensorInfo('y', 'bfloat16', [1])];
      g.add({ op: 'Cast', inputs: ['x'], outputs: ['y'], attributes: { to: 16 } });
    });
    const error = await failure(runtime.load(await encodeOnnx(bfloat), { name: 'bf16.onnx' }));
    expect(error.message).toMatchInlineSnapshot(
      `"An input or output of bf16.onnx is of type bfloat16, which ONNX Runtime's JavaScript interface cannot hold. Add a Cast to float32 at that edge of the graph."`,
    );
    const sequence = model((g) => {
      g.inputs = [tensorInfo('x', 'float32', [1])];
      g.outputs = [{ name: 'y', type: undefined }];
      g.add({ op: 'SequenceConstruct', inputs: ['x'], outputs: ['y'] });
    });
    const list = await failure(runtime.load(await encodeOnnx(sequence), { name: 'list.onnx' }));
    expect(list.message).toMatchInlineSnapshot(
      `"'y' of list.onnx is of type non-tensor, which ONNX Runtime's JavaScript interface cannot hold. Add a Cast to float32 at that edge of the graph."`,
    );
  });

  test('names what fails while running', async () => {
    const gather = model((g) => {
      g.inputs = [tensorInfo('i', 'int64', [1])];
      g.outputs = [tensorInfo('y', 'float32', [1])];
      g.initializers.set('table', weightOf(float32([2], [1, 2])));
      g.add({ op: 'Gather', name: 'look', inputs: ['table', 'i'], outputs: ['y'] });
    });
    const session = await runtime.load(await encodeOnnx(gather), { name: 'gather.onnx' });
    const error = await failure(session.run({ i: tensor('int64', [1], BigInt64Array.of(5n)) }));
    expect(error.code).toBe('runtime/run-failed');
    expect(error.message.replace(runtime.version, 'ORT')).toMatchInlineSnapshot(
      `"ORT failed while running gather.onnx: Non-zero status code returned while running Gather node. Name:'look' Status Message: indices element out of data bounds, idx=5 must be within the inclusive range [-2,1]. Check the data against the model; if it is right, the model is at fault."`,
    );
    // The worker is as good as before.
    expect(await session.run({ i: tensor('int64', [1], BigInt64Array.of(1n)) })).toEqual({
      y: float32([1], [2]),
    });
    await session.release();
    await session.release();
    expect((await failure(session.run({ i: tensor('int64', [1], BigInt64Array.of(1n)) }))).message).toContain(
      'the session was released',
    );
  });

  test('an abort ends the run in hand; later calls say so too', async () => {
    const controller = new AbortController();
    const own = await createRuntime(name, { threads: 1, signal: controller.signal });
    const session = await own.load(await encodeOnnx(slow));
    const running = failure(session.time({ x: float32([], [1]) }, { warmup: 0, runs: 10_000 }));
    // Long enough for the worker to be inside ONNX Runtime.
    await new Promise((done) => setTimeout(done, 20));
    controller.abort();
    expect((await running).code).toBe('run/aborted');
    expect((await failure(session.run({ x: float32([], [1]) }))).code).toBe('run/aborted');
    expect((await failure(createRuntime(name, { signal: controller.signal }))).code).toBe('run/aborted');
    await session.release();
    await own.close();
  });

  test('a closed runtime says so', async () => {
    const own = await createRuntime(name, { threads: 1 });
    const session = await own.load(await encodeOnnx(linear));
    await own.close();
    const { message } = await failure(session.run({ x: x12 }));
    expect(message.replace(name, 'NAME')).toMatchInlineSnapshot(
      `"The worker of the NAME runtime is gone: it was closed. Create a new runtime; if memory ran out, use smaller batches."`,
    );
    await session.release();
    await own.close();
  });
});

test('native writes the optimized graph, and options reach ONNX Runtime', async () => {
  const runtime = await createRuntime('native', { threads: 1 });
  const weightOnly = model((g) => {
    g.inputs = [tensorInfo('x', 'float32', ['n', 32])];
    g.outputs = [tensorInfo('y', 'float32', ['n', 32])];
    g.initializers.set('codes', weightOf(tensor('int8', [32, 32], new Int8Array(1024).fill(3))));
    g.initializers.set('scale', weightOf(float32([], [0.5])));
    g.add({ op: 'DequantizeLinear', inputs: ['codes', 'scale'], outputs: ['w'] });
    g.add({ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] });
  });
  const opsOf = async (options: object) => {
    const optimizedModelPath = join(folder, 'optimized.onnx');
    await (await runtime.load(await encodeOnnx(weightOnly), { ...options, optimizedModelPath })).release();
    const optimized = await readOnnx(await openFile(optimizedModelPath));
    return [...optimized.graph.nodes].map((node) => node.op).sort();
  };
  expect(await opsOf({ optimization: 'disabled' })).toEqual(['DequantizeLinear', 'MatMul']);
  expect(await opsOf({ config: { 'session.disable_quant_qdq': '1' } })).toEqual(['MatMul']);
  expect(await opsOf({})).not.toEqual(['MatMul']);
  await runtime.close();
});

test('only native writes the optimized graph', async () => {
  const runtime = await createRuntime('wasm');
  const { message } = await failure(runtime.load(await encodeOnnx(linear), { optimizedModelPath: 'x.onnx' }));
  expect(message).toMatchInlineSnapshot(
    `"optimizedModelPath works with the native runtime only, got wasm. Use the native runtime or leave it out."`,
  );
  await runtime.close();
});

test.each(['process.exit(7)', 'throw new Error("lost")'])(
  '%s in the middle of a native run ends cleanly',
  async (end) => {
    const file = 'slow.onnx';
    await writeOnnx(slow, { folder: await openFolder(folder, { force: true }), name: file });
    const script = `
    const { createRuntime } = await import(${JSON.stringify(builtIndex)});
    const runtime = await createRuntime('native', { threads: 1 });
    const session = await runtime.load({ path: ${JSON.stringify(join(folder, file))} });
    const x = { dtype: 'float32', dims: [], data: Float32Array.of(1) };
    void session.time({ x }, { warmup: 0, runs: 10_000 }).catch(() => {});
    setTimeout(() => { ${end}; }, 20);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += chunk));
    const [code, signal] = await once(child, 'exit');
    expect({ code, signal }).toEqual({ code: end.startsWith('throw') ? 1 : 7, signal: null });
    expect(stderr).not.toContain('Napi');
  },
);

test('without onnxruntime-node, wasm takes over and says so', async () => {
  // The built package beside node_modules that lack it.
  const root = resolve(import.meta.dirname, '../..');
  const copy = join(folder, 'package');
  await cp(join(root, 'dist', 'src'), join(copy, 'dist', 'src'), { recursive: true });
  await cp(join(root, 'package.json'), join(copy, 'package.json'));
  await mkdir(join(copy, 'node_modules'));
  for (const name of await readdir(join(root, 'node_modules'))) {
    if (name === 'onnxruntime-node' || name.startsWith('.')) continue;
    await symlink(join(root, 'node_modules', name), join(copy, 'node_modules', name), 'junction');
  }
  const script = `
    const { createRuntime, capabilities } = await import('./dist/src/runtime/index.js');
    const runtime = await createRuntime();
    const native = await createRuntime('native').catch((e) => e.code);
    console.log(JSON.stringify([(await capabilities()).runtimes, runtime.name, runtime.notes, native]));
    await runtime.close();`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    cwd: copy,
  });
  const [runtimes, name, notes, native] = JSON.parse(stdout);
  expect({ runtimes, name, native }).toEqual({
    runtimes: ['wasm'],
    name: 'wasm',
    native: 'runtime/unavailable',
  });
  expect(notes.join().replace(/imported from \S+/, 'imported from FILE')).toMatchInlineSnapshot(
    `"The native runtime cannot start: Cannot find package 'onnxruntime-node' imported from FILE 'native' needs the package onnxruntime-node, 'webgpu' a graphics adapter, 'wasm' onnxruntime-web. Using the next runtime instead; it is slower."`,
  );
});

/** y = x * [0, 1, ..., 1023], a weight that goes to external data. */
const bigEnough = model((g) => {
  g.inputs = [tensorInfo('x', 'float32', [1])];
  g.outputs = [tensorInfo('y', 'float32', [1024])];
  g.initializers.set(
    'w',
    weightOf(
      float32(
        [1024],
        Array.from({ length: 1024 }, (_, i) => i),
      ),
    ),
  );
  g.add({ op: 'Mul', inputs: ['x', 'w'], outputs: ['y'] });
});

/** A million sines: milliseconds, so that what interrupts many runs comes in the middle of one. */
const slow = model((g) => {
  g.inputs = [tensorInfo('x', 'float32', [])];
  g.outputs = [tensorInfo('y', 'float32', [])];
  g.initializers.set('shape', weightOf(tensor('int64', [1], BigInt64Array.of(50_000n))));
  g.add({ op: 'Expand', inputs: ['x', 'shape'], outputs: ['v0'] });
  for (let i = 0; i < 20; i++) g.add({ op: 'Sin', inputs: [`v${i}`], outputs: [`v${i + 1}`] });
  g.add({ op: 'ReduceSum', inputs: ['v20'], outputs: ['y'], attributes: { keepdims: 0 } });
});
