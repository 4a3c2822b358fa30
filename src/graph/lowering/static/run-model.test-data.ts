import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { openFile } from '../../../files/index.ts';
import type { Model } from '../../model.ts';
import { encodeOnnx, readOnnx } from '../../onnx/index.ts';

export type Level = 'disabled' | 'basic' | 'extended' | 'all';
export interface FloatFeed {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

export async function createSession(model: Model, options: InferenceSession.SessionOptions = {}) {
  const { bytes } = await encodeOnnx(model);
  return InferenceSession.create(bytes, { logSeverityLevel: 4, intraOpNumThreads: 1, ...options });
}

/** Runs a session here and now; outputs by name. */
export async function runSession(
  session: InferenceSession,
  feeds: Readonly<Record<string, FloatFeed>>,
): Promise<Record<string, Float32Array>> {
  const inputs = Object.fromEntries(
    Object.entries(feeds).map(([name, { dims, data }]) => [name, new Tensor('float32', data, [...dims])]),
  );
  const results = await session.run(inputs);
  return Object.fromEntries(
    Object.entries(results).map(([name, { data }]) => [
      name,
      data instanceof Float32Array ? data : Float32Array.from(data as ArrayLike<number>, Number),
    ]),
  );
}

/** Loads a model, runs it once, forgets it. */
export async function runModel(
  model: Model,
  feeds: Readonly<Record<string, FloatFeed>>,
  options: InferenceSession.SessionOptions = {},
): Promise<Record<string, Float32Array>> {
  const session = await createSession(model, options);
  try {
    return await runSession(session, feeds);
  } finally {
    await session.release();
  }
}

/** Kinds of the nodes that ONNX Runtime makes of a model, in execution order. */
export async function optimizedKinds(model: Model, level: Level = 'extended'): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'lowbit-static-'));
  try {
    const path = join(folder, 'optimized.onnx');
    const session = await createSession(model, {
      graphOptimizationLevel: level,
      optimizedModelFilePath: path,
    });
    await session.release();
    const file = await openFile(path);
    const kinds = (await readOnnx(file)).graph.topologicalOrder().map((node) => node.kind);
    await file.source.close?.();
    return kinds;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Signal to noise in dB. */
export function sqnrDb(reference: Float32Array, other: Float32Array): number {
  let signal = 0;
  let noise = 0;
  for (let i = 0; i < reference.length; i++) {
    signal += reference[i]! ** 2;
    noise += (reference[i]! - other[i]!) ** 2;
  }
  return 10 * Math.log10(signal / noise);
}
