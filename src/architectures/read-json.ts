import type { Siblings } from '../files/index.ts';
import { fail, LowbitError } from '../tensor/index.ts';
import { isObject, type JsonObject } from './checkpoint-config.ts';

/** Configurations have a few kB; a list of layer types makes some of them larger. */
const MAX_BYTES = 2 ** 22;

/**
 * A JSON object beside the weights; undefined where there is no such file.
 * @throws checkpoint/config, file/*
 */
export async function readJson(folder: Siblings, name: string): Promise<JsonObject | undefined> {
  const source = await folder.open(name).catch((error: unknown) => {
    if (error instanceof LowbitError && error.code === 'file/missing') return undefined;
    throw error;
  });
  if (source === undefined) return undefined;
  const refuse = (got: string, wanted: string, cause?: unknown) =>
    fail('checkpoint/config', { file: source.name, got, wanted }, cause);
  try {
    if (source.size > MAX_BYTES) refuse(`${source.size} bytes`, `at most ${MAX_BYTES} bytes of JSON`);
    const bytes = await source.read(0, source.size);
    let value: unknown;
    try {
      value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    } catch (cause) {
      return refuse('something else', 'JSON', cause);
    }
    return isObject(value) ? value : refuse('another value', 'a JSON object');
  } finally {
    await source.close?.();
  }
}
