import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type ByteSource, memorySource } from '../../src/files/index.ts';
import { encodeOnnx, Graph, Model, readOnnx, type Weight, weightOf } from '../../src/graph/index.ts';
import { float32, int64, LowbitError } from '../../src/tensor/index.ts';

/**
 * A real model cut off at fifty places, and models with bits and bytes changed at random: reading ends in a
 * named error or in a model, soon, and without memory beyond the file's size.
 */

const glyphs = new Uint8Array(
  readFileSync(resolve(import.meta.dirname, '../../examples/glyphs/glyphs.onnx')),
);

/** Counts what is read. */
function watched(bytes: Uint8Array): ByteSource & { readBytes: number } {
  const source = memorySource(bytes, 'damaged.onnx');
  return {
    name: source.name,
    size: source.size,
    readBytes: 0,
    read(offset, length) {
      this.readBytes += length;
      return source.read(offset, length);
    },
  };
}

/** The code of the named error, or 'read' for a model that could be read and encoded again. */
async function outcome(bytes: Uint8Array): Promise<string> {
  const source = watched(bytes);
  try {
    const model = await readOnnx({ source });
    await encodeOnnx(model);
    return 'read';
  } catch (error) {
    if (error instanceof LowbitError && error.exitCode === 2) return error.code;
    throw error;
  } finally {
    // Windows overlap by what was read ahead, and encoding reads every weight once more.
    expect(source.readBytes).toBeLessThan(4 * bytes.length + 2 ** 20);
  }
}

test('cut off at every fiftieth part', async () => {
  const seen = new Map<string, number>();
  for (let part = 0; part < 50; part++) {
    const code = await outcome(glyphs.subarray(0, Math.floor((glyphs.length * part) / 50)));
    seen.set(code, (seen.get(code) ?? 0) + 1);
  }
  expect(Object.fromEntries(seen)).toEqual({ 'onnx/not-onnx': 1, 'onnx/truncated': 49 });
});

test('a cut-off file says where', async () => {
  const half = memorySource(glyphs.subarray(0, 80_000), 'glyphs.onnx');
  await expect(readOnnx({ source: half })).rejects.toThrowErrorMatchingInlineSnapshot(
    `[LowbitError: glyphs.onnx is cut off: what starts at byte 19 needs 159187 bytes of file, but there are 80000. Copy or download it again.]`,
  );
});

describe('changed at random', () => {
  test('bits of a real model', async () => {
    await fuzz(glyphs, 300, 1);
  });

  test('bytes of a small model, where nearly every byte is structure', async () => {
    const { bytes } = await encodeOnnx(smallModel());
    await fuzz(bytes, 3000, 2);
  });
});

async function fuzz(original: Uint8Array, rounds: number, seed: number): Promise<void> {
  const random = sequence(seed);
  const codes = new Set<string>();
  for (let round = 0; round < rounds; round++) {
    const bytes = original.slice();
    const changes = 1 + random(3);
    for (let i = 0; i < changes; i++) {
      const at = random(bytes.length);
      bytes[at] = random(2) === 0 ? bytes[at]! ^ (1 << random(8)) : random(256);
    }
    codes.add(await outcome(bytes));
  }
  expect(codes.size).toBeGreaterThan(3);
}

/** Subgraph, attributes of each kind, several types: most readers in few bytes. */
function smallModel(): Model {
  const body = new Graph('then');
  body.add({ op: 'Neg', inputs: ['x'], outputs: ['n'], name: 'neg' });
  body.outputs = [{ name: 'n', type: { kind: 'tensor', dtype: 'float32', shape: ['batch', 2] } }];
  const graph = new Graph('small');
  graph.inputs = [
    { name: 'x', type: { kind: 'tensor', dtype: 'float32', shape: ['batch', 2] } },
    { name: 'c', type: { kind: 'tensor', dtype: 'bool', shape: [] } },
  ];
  graph.initializers.set('w', weightOf(float32([2, 2], [1, 2, 3, 4])));
  graph.initializers.set('s', { dtype: 'string', dims: [1], data: [new Uint8Array([97])] });
  const shape: Weight = weightOf(int64([2], [2, 2]));
  graph.add({
    op: 'Constant',
    inputs: [],
    outputs: ['k'],
    attributes: new Map([['value', { type: 'tensor', value: shape }]]),
  });
  graph.add({ op: 'Gemm', inputs: ['x', 'w'], outputs: ['g'], attributes: { alpha: 0.5, transB: 1 } });
  graph.add({ op: 'Reshape', inputs: ['g', 'k'], outputs: ['r'] });
  graph.add({ op: 'Pad', inputs: ['r'], outputs: ['p'], attributes: { mode: 'edge', pads: [0, 0, 0, 0] } });
  graph.add({
    op: 'If',
    inputs: ['c'],
    outputs: ['y'],
    attributes: { then_branch: body, else_branch: body.clone() },
  });
  graph.outputs = [
    { name: 'y', type: undefined },
    { name: 'p', type: undefined },
  ];
  const model = new Model(graph);
  model.metadata.set('key', 'value');
  return model;
}

/** Integers below n: a linear congruential sequence, so that a failure can be repeated. */
function sequence(seed: number): (below: number) => number {
  let state = BigInt(seed);
  return (below) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffff_ffff_ffff_ffffn;
    return Number((state >> 33n) % BigInt(below));
  };
}
