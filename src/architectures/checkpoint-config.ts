import { fail } from '../tensor/index.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** No model is larger in any direction; a number above it is damage. */
const MAX_COUNT = 2 ** 31 - 1;

/**
 * The values of a JSON file of a checkpoint, asked for by key and checked. A key that is absent has the value that
 * the configuration class of transformers gives it; one that is null is absent without a default.
 */
export class CheckpointConfig {
  /** For messages. */
  readonly file: string;
  readonly #values: JsonObject;
  readonly #defaults: JsonObject;

  constructor(file: string, values: JsonObject, defaults: JsonObject = {}) {
    this.file = file;
    this.#values = values;
    this.#defaults = defaults;
  }

  /** The value of the first of the keys that is there. */
  get(...keys: readonly string[]): unknown {
    for (const values of [this.#values, this.#defaults]) {
      const key = keys.find((k) => Object.hasOwn(values, k));
      if (key !== undefined) return values[key] ?? undefined;
    }
    return undefined;
  }

  /** A positive whole number. @throws checkpoint/config */
  count(...keys: readonly string[]): number {
    return this.optionalCount(...keys) ?? this.#refuse(keys, undefined, 'a positive whole number');
  }

  optionalCount(...keys: readonly string[]): number | undefined {
    return this.#checked(
      keys,
      'a positive whole number',
      (v): v is number => Number.isSafeInteger(v) && (v as number) > 0 && (v as number) <= MAX_COUNT,
    );
  }

  optionalNumber(...keys: readonly string[]): number | undefined {
    return this.#checked(keys, 'a number', (v): v is number => Number.isFinite(v));
  }

  /** A number above 0. @throws checkpoint/config */
  positive(...keys: readonly string[]): number {
    return this.optionalPositive(...keys) ?? this.#refuse(keys, undefined, 'a number above 0');
  }

  optionalPositive(...keys: readonly string[]): number | undefined {
    const is = (v: unknown): v is number => Number.isFinite(v) && (v as number) > 0;
    return this.#checked(keys, 'a number above 0', is);
  }

  /** False where it is absent. */
  flag(...keys: readonly string[]): boolean {
    return this.#checked(keys, 'true or false', (v): v is boolean => typeof v === 'boolean') ?? false;
  }

  optionalText(...keys: readonly string[]): string | undefined {
    return this.#checked(keys, 'a text', (v): v is string => typeof v === 'string');
  }

  optionalObject(...keys: readonly string[]): JsonObject | undefined {
    return this.#checked(keys, 'an object', isObject);
  }

  /** A list of `length` numbers. @throws checkpoint/config */
  numbers(key: string, length: number): readonly number[] {
    const wanted = `a list of ${length} numbers`;
    return (
      this.#checked(
        [key],
        wanted,
        (v): v is number[] => Array.isArray(v) && v.length === length && v.every(Number.isFinite),
      ) ?? this.#refuse([key], undefined, wanted)
    );
  }

  /** A list of texts, at least `length` of them; the first `length` count. */
  optionalTexts(key: string, length: number): readonly string[] | undefined {
    const isList = (v: unknown): v is string[] =>
      Array.isArray(v) && v.length >= length && v.every((item) => typeof item === 'string');
    return this.#checked([key], `a list of ${length} names`, isList)?.slice(0, length);
  }

  #checked<T>(keys: readonly string[], wanted: string, is: (value: unknown) => value is T): T | undefined {
    const value = this.get(...keys);
    return value === undefined || is(value) ? value : this.#refuse(keys, value, wanted);
  }

  #refuse(keys: readonly string[], got: unknown, wanted: string): never {
    const key = keys.find((k) => Object.hasOwn(this.#values, k)) ?? keys[0]!;
    return fail('checkpoint/config', { file: this.file, key, got: shown(got), wanted });
  }
}

/** A JSON value in a message, cut where it is long. */
export function shown(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
