import { readFile } from 'node:fs/promises';
import { type CompareOptions, inspect } from 'lowbit';
import { type Dataset, openDataset, parseDatasetSpec } from 'lowbit/data';
import type { DType } from 'lowbit/tensor';
import { fail } from 'lowbit/tensor';
import type { ParsedFlags } from './parse-flags.ts';

/** Data as the library takes it: the path itself, or a dataset bound by `--data-spec`. */
export async function openData(
  path: string | undefined,
  model: string,
  flags: ParsedFlags,
): Promise<string | Dataset | undefined> {
  const file = flags.text('data-spec');
  if (path === undefined || file === undefined) return path;
  const spec = parseDatasetSpec(await readJson(file), file);
  const summary = await inspect(model);
  if (summary.container !== 'onnx') {
    fail('flag/value', {
      flag: '--data-spec',
      got: `data for ${model}`,
      wanted: 'an ONNX model to bind it to',
    });
  }
  const ports = (of: typeof summary.inputs) =>
    of.map(({ name, dtype, shape }) => ({
      name,
      dtype: dtype as DType,
      shape: shape.map((d) => (d === '?' ? '' : d)),
    }));
  return openDataset(path, ports(summary.inputs), { spec, outputs: ports(summary.outputs) });
}

/** A JSON file that the user named on the command line. */
export async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((cause) => fail('file/missing', { path }, cause));
  try {
    return JSON.parse(text);
  } catch (cause) {
    fail('data/malformed', { file: path, what: `it is no valid JSON: ${(cause as Error).message}` }, cause);
  }
}

/** Measuring, engine and threads, as the flags say. */
export function runOptions(flags: ParsedFlags): Pick<CompareOptions, 'runtime' | 'threads' | 'measure'> {
  const given = {
    batch: flags.number('batch'),
    runs: flags.number('runs'),
    samples: flags.number('samples'),
    memory: flags.boolean('memory'),
    layers: flags.boolean('layers'),
  };
  const measure = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const runtime = flags.text('runtime') as 'native' | 'wasm' | 'webgpu' | undefined;
  const threads = flags.number('threads');
  return { measure, ...(runtime && { runtime }), ...(threads !== undefined && { threads }) };
}
